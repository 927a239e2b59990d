package best

import "testing"

// TestThanks: only who was helped thanks.
func TestThanks(t *testing.T) {
	for s, want := range map[string]bool{
		"Thanks, that works!": true, "perfect, it’s fixed": true, "谢谢，解决了": true, "搞定，多谢": true, "明白了！": true,
		"that hasn't fixed it": false, "it hasn’t worked": false, "this never worked for me": false, "I haven't got it fixed": false,
		"Thanks, it doesn’t work": false, "没有搞定": false, "问题没有解决": false, "谢谢，不过报错了": false, "谢谢，可是编译失败": false, "试了，没成功，谢谢": false,
	} {
		if Thanks(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}
