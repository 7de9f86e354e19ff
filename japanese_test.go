package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"lablab/say"
)

// unwanted is a Japanese wording that no network engineer would choose here.
type unwanted struct {
	words  *regexp.Regexp
	better string
}

// glossary lists wordings that were wrong once, and what to write instead.
var glossary = []unwanted{
	// 拒否 is REJECT: the sender gets an answer.
	// A silent drop is 遮断 (of a flow) or 破棄 (of a packet).
	{regexp.MustCompile(`拒否`), "遮断, 破棄; or 暗黙の拒否(default-deny), 接続拒否 for RST and ICMP errors, 拒否 where deny stands beside it"},
	{regexp.MustCompile(`デフォルト拒否|デフォルトの拒否`), "暗黙の拒否(default-deny)"},
	{regexp.MustCompile(`^\s*(受信|送信)\s*$|(受信|送信)(も|は|に対する|を許可|を拒否|ルール)`), "インバウンド, アウトバウンド"},
	{regexp.MustCompile(`(^|[^-\w:])(ingress|egress)\b`), "インバウンド, アウトバウンド"},
	{regexp.MustCompile(`停滞|止まったメッセージ`), "無応答(接続は維持)"},
	{regexp.MustCompile(`覚え|忘れ|記憶|黙って`), "conntrack のエントリがある, 消える"},
	{regexp.MustCompile(`知っている(通信|フロー|こと)|知らない(通信|フロー)`), "エントリがある, エントリがない"},
	{regexp.MustCompile(`^\s*(はい|いいえ)|どおり[:：] *(はい|いいえ)`), "一致, 不一致"},
	{regexp.MustCompile(`フラグ`), "オプション"},
	{regexp.MustCompile(`その場で`), "リアルタイムに"},
	{regexp.MustCompile(`世界`), "全開放(0.0.0.0/0 または ::/0)"},
	{regexp.MustCompile(`途中から拾|拾わせ|拾うこと`), "途中からのコネクションを引き継ぐ"},
	{regexp.MustCompile(`照らし合わ`), "照合する"},
	{regexp.MustCompile(`誰の|誰か`), "どのホストの"},
	{regexp.MustCompile(`だから、|こういうわけで`), "したがって、"},
	{regexp.MustCompile(`頼りになる|生き延び|生き続け`), "残る, 続く"},
	{regexp.MustCompile(`片付け`), "終了する"},
	{regexp.MustCompile(`次は[:：]`), "次の手順:"},
	{regexp.MustCompile(`ここでは.*動き`), "この環境で実行できます"},
	{regexp.MustCompile(`(が必要です|の形式)。.*ではありません`), "〜のように書いてください"},
	{regexp.MustCompile(`残り %d 秒(、|$)`), "タイムアウトまで %d 秒"},
	{regexp.MustCompile(`(エディタ|カウンタ|フィルタ|パラメータ|ヘッダ|サーバ|ユーザ|ブラウザー|インターフェース)([^ーァ-ヶ]|$)`), "エディター, カウンター, …; ブラウザ, インターフェイス"},
	{regexp.MustCompile(`[（）；：]`), "half-width ( ) and : , and 、 for ;"},
	{regexp.MustCompile(`; `), "、 or a line each"},
	{regexp.MustCompile(`[^\s$<>|&] \(`), "no blank before ("},
	{regexp.MustCompile(`[^\d]\) [\p{Hiragana}\p{Katakana}\p{Han}]`), "no blank behind )"},
}

// meant matches uses of 拒否 that are right.
var meant = regexp.MustCompile(`暗黙の拒否|接続拒否|[Dd]eny[^。、]*拒否|拒否\(deny\)|それ以外は拒否`)

// code matches code and link targets, which belong to no language.
var code = regexp.MustCompile("`[^`]*`|\\]\\([^)]*\\)")

// Japanese messages use the terms of the field, the same ones everywhere.
func TestJapaneseHasTheWordsOfTheTrade(t *testing.T) {
	messages, err := say.Messages("ja")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		for _, wrong := range unwantedIn(m.Text) {
			t.Errorf("%q: %q: better %s", m.Text, wrong.words, wrong.better)
		}
	}
	for _, name := range []string{"internal/web/page/ja.js", "README.ja.md"} {
		for number, line := range lines(t, name) {
			if strings.HasPrefix(name, "internal") { // the line is 'English': 'Japanese',
				_, line, _ = strings.Cut(line, "': '")
				line = strings.TrimSuffix(line, "',")
			}
			for _, wrong := range unwantedIn(line) {
				t.Errorf("%s:%d: %q: better %s", name, number+1, wrong.words, wrong.better)
			}
		}
	}
}

// The glossary finds what was written before.
func TestTheGlossaryKnowsWhatWasWrong(t *testing.T) {
	for _, text := range []string{
		"%s 拒否されたパケット: 行きか戻りが破棄された", "デフォルト拒否", "停滞", "%s はストリーム %s を覚えている(%s)。", "はい", "受信", "受信に対するルール",
		"全世界に開放されています: %[2]s からの %[1]s", "TCP コネクションを途中から conntrack に拾わせる", "ラボのタイムラインをその場で表示し続ける", "--%s というフラグはありません",
		"次は: %s", "ここでは lablab run が動きます(%s)。", "行き %d (%d バイト)、戻り %d", "新規 (NEW) でした", "conntrack の知らないフロー", "許可; 残りは破棄",
	} {
		if len(unwantedIn(text)) == 0 {
			t.Errorf("%q is taken for good", text)
		}
	}
	for _, text := range []string{"暗黙の拒否(default-deny)で破棄されました", "接続拒否", "送信 10、応答あり 10", "lablab up (root)", "source <(lablab completion bash)"} {
		for _, wrong := range unwantedIn(text) {
			t.Errorf("%q is refused: %q", text, wrong.words)
		}
	}
}

// unwantedIn returns the unwanted wordings in a Japanese text; code and English do not count.
func unwantedIn(text string) []unwanted {
	var found []unwanted
	for _, line := range strings.Split(text, "\n") {
		if !strings.ContainsFunc(line, func(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) }) {
			continue
		}
		line = code.ReplaceAllString(meant.ReplaceAllString(line, ""), "")
		for _, u := range glossary {
			if u.words.MatchString(line) {
				found = append(found, u)
			}
		}
	}
	return found
}

func lines(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}
