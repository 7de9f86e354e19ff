package render

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		words   string
		columns int
		want    string
	}{
		{"a packet that no rule allows", 16, "a packet that no\nrule allows"},
		{"カウンタ、時刻、イベントが有効。タイムアウトは EC2 と同じ", 54, "カウンタ、時刻、イベントが有効。タイムアウトは EC2 と\n同じ"},
		{"どのルールも許可しないパケットが破棄されたことを確認した", 54, "どのルールも許可しないパケットが破棄されたことを\n確認した"},
		{"ホストは 2 台から 16 台までです。このラボには 17 台あります", 54, "ホストは 2 台から 16 台までです。このラボには\n17 台あります"},
		{"応答のない (UNREPLIED) エントリが残りました。", 30, "応答のない (UNREPLIED)\nエントリが残りました。"},
		{"セキュリティグループに", 10, "セキュリ\nティグルー\nプに"},
		{"確立済み、通信", 8, "確立済\nみ、通信"},                // no line begins with a comma
		{"ルールを「取り消す」", 10, "ルールを\n「取り消\nす」"},       // none ends with an opening bracket
		{"ルール icmp を取り消す", 8, "ルール\nicmp を\n取り消す"}, // Latin words stay together
		{"チェック", 6, "チェッ\nク"},                      // a small kana stays with the one before
		{"ああああああああああああああああああああああああああああああ", 32, "ああああああああああああああああ\nああああああああああああああ"},
	} {
		got := wrap(c.words, c.columns)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("in %d columns, want (-), got (+):\n%s", c.columns, diff)
		}
		for _, line := range strings.Split(got, "\n") {
			if width(line) > c.columns {
				t.Errorf("%d columns, not %d: %s", width(line), c.columns, line)
			}
		}
	}
}
