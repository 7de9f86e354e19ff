package say_test

import (
	"fmt"

	"lablab/say"
)

func ExampleF() {
	japanese, err := say.Speak("ja")
	if err != nil {
		fmt.Println(err)
		return
	}
	sentence := say.F("stop stream %s", "1")
	fmt.Println(sentence)
	fmt.Println(sentence.In(japanese))
	// Output:
	// stop stream 1
	// ストリーム 1 を停止
}
