package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	for name, c := range map[string]struct {
		in   []string // events; one without an action is what a test says
		want string
	}{
		"passes, skips and a figure": {
			in: []string{
				`"Action":"start","Package":"a"`,
				`"Action":"run","Package":"a","Test":"TestA"`,
				`"Package":"a","Test":"TestA","Output":"=== RUN   TestA\n"`,
				`"Package":"a","Test":"TestA","Output":"    a_test.go:3: figure: 3 apples\n"`,
				`"Action":"run","Package":"a","Test":"TestA/sub"`,
				`"Package":"a","Test":"TestA/sub","Output":"    a_test.go:4: before it\n"`,
				`"Package":"a","Test":"TestA/sub","Output":"    a_test.go:5: no browser\n"`,
				`"Package":"a","Test":"TestA/sub","Output":"    --- SKIP: TestA/sub (0.00s)\n"`,
				`"Action":"skip","Package":"a","Test":"TestA/sub"`,
				`"Action":"pass","Package":"a","Test":"TestA"`,
				`"Package":"a","Output":"PASS\n"`,
				`"Package":"a","Output":"ok  \ta\t0.078s\n"`,
				`"Action":"pass","Package":"a","Elapsed":0.078`,
				`"Action":"start","Package":"b"`,
				`"Package":"b","Output":"?   \tb\t[no test files]\n"`,
				`"Action":"skip","Package":"b"`,
			},
			want: "ok  \ta\t0.078s\n?   \tb\t[no test files]\n\nSkipped:\n   1 no browser\n\nFigures:\n3 apples\n\n1 passed, 0 failed, 1 skipped\n",
		},
		"what others' tests say is no failure of ours": {
			in: []string{
				`"Action":"run","Package":"a","Test":"TestA"`,
				`"Package":"a","Test":"TestA","Output":"--- FAIL: TestTheirs (0.00s)\n"`,
				`"Package":"a","Test":"TestA","Output":"FAIL\n"`,
				`"Action":"pass","Package":"a","Test":"TestA"`,
				`"Action":"pass","Package":"a","Elapsed":1`,
			},
			want: "ok  \ta\t1.000s\n\n1 passed, 0 failed, 0 skipped\n",
		},
		"a failure is shown at once, and again": {
			in: []string{
				`"Action":"run","Package":"a","Test":"TestA"`,
				`"Package":"a","Test":"TestA","Output":"    a_test.go:3: wrong:\n"`,
				`"Package":"a","Test":"TestA","Output":"        by one\n"`,
				`"Package":"a","Test":"TestA","Output":"--- FAIL: TestA (0.00s)\n"`,
				`"Action":"fail","Package":"a","Test":"TestA","Elapsed":0.5`,
				`"Package":"a","Output":"FAIL\n"`,
				`"Package":"a","Output":"FAIL\ta\t0.6s\n"`,
				`"Action":"fail","Package":"a"`,
			},
			want: "--- FAIL: TestA in a (0.50s)\n        a_test.go:3: wrong:\n            by one\nFAIL\ta\t0.6s\n" +
				"\nWhat failed:\n--- FAIL: TestA in a (0.50s)\n        a_test.go:3: wrong:\n            by one\n\n0 passed, 1 failed, 0 skipped\n",
		},
		"a panic": {
			in: []string{
				`"Action":"start","Package":"a"`,
				`"Action":"run","Package":"a","Test":"TestA"`,
				`"Package":"a","Test":"TestA","Output":"panic: boom\n"`,
				`"Package":"a","Output":"FAIL\ta\t0.3s\n"`,
				`"Action":"fail","Package":"a"`,
			},
			want: "FAIL\ta\t0.3s\n--- FAIL: TestA in a did not end\n    panic: boom\n" +
				"\nWhat failed:\n--- FAIL: TestA in a did not end\n    panic: boom\n\n0 passed, 1 failed, 0 skipped\n",
		},
		"a build": {
			in: []string{
				`"ImportPath":"a [a.test]","Action":"build-output","Output":"# a [a.test]\n"`,
				`"ImportPath":"a [a.test]","Action":"build-output","Output":"a_test.go:3:27: undefined: x\n"`,
				`"ImportPath":"a [a.test]","Action":"build-fail"`,
				`"Action":"start","Package":"a"`,
				`"Package":"a","Output":"FAIL\ta [build failed]\n"`,
				`"Action":"fail","Package":"a","FailedBuild":"a [a.test]"`,
			},
			want: "cannot be built: a [a.test]\n    # a [a.test]\n    a_test.go:3:27: undefined: x\nFAIL\ta [build failed]\n" +
				"\nWhat failed:\ncannot be built: a [a.test]\n    # a [a.test]\n    a_test.go:3:27: undefined: x\n\n0 passed, 1 failed, 0 skipped\n",
		},
		"a package whose tests all pass": {
			in: []string{
				`"Action":"run","Package":"a","Test":"TestA"`,
				`"Action":"pass","Package":"a","Test":"TestA"`,
				`"Package":"a","Output":"a goroutine was left\n"`,
				`"Package":"a","Output":"FAIL\ta\t0.3s\n"`,
				`"Action":"fail","Package":"a"`,
			},
			want: "FAIL\ta\t0.3s\nFAIL: a\n    a goroutine was left\n\nWhat failed:\nFAIL: a\n    a goroutine was left\n\n1 passed, 1 failed, 0 skipped\n",
		},
		"go test is ended": {
			in: []string{
				`"Action":"start","Package":"a"`,
				`"Action":"run","Package":"a","Test":"TestA"`,
				`"Package":"a","Test":"TestA","Output":"    a_test.go:3: still here\n"`,
			},
			want: "FAIL\ta\t0.000s\n--- FAIL: TestA in a did not end\n        a_test.go:3: still here\n" +
				"\nWhat failed:\n--- FAIL: TestA in a did not end\n        a_test.go:3: still here\n\n0 passed, 1 failed, 0 skipped\n",
		},
		"nothing for a while": {
			in: []string{
				`"Time":"2026-11-26T16:00:00Z","Action":"start","Package":"a"`,
				`"Time":"2026-11-26T16:00:01Z","Action":"run","Package":"a","Test":"TestA"`,
				`"Time":"2026-11-26T16:01:01Z","Action":"pass","Package":"a","Test":"TestA"`,
				`"Time":"2026-11-26T16:01:02Z","Action":"pass","Package":"a","Elapsed":62`,
			},
			want: "running: TestA in a\nok  \ta\t62.000s\n\n1 passed, 0 failed, 0 skipped\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var in, out strings.Builder
			for _, e := range c.in {
				if !strings.Contains(e, `"Action"`) {
					e = `"Action":"output",` + e
				}
				fmt.Fprintf(&in, "{%s}\n", e)
			}
			r := newReport(&out)
			if err := r.read(strings.NewReader(in.String())); err != nil {
				t.Fatal(err)
			}
			r.sum()
			if out.String() != c.want {
				t.Errorf("it says\n%s\nwant\n%s", out.String(), c.want)
			}
		})
	}
}

// Of much, the beginning and the end are shown.
func TestMuch(t *testing.T) {
	var out strings.Builder
	r := newReport(&out)
	for i := range 1000 {
		r.hear(event{Action: "output", Package: "a", Test: "TestA", Output: fmt.Sprintf("line %d %s\n", i, strings.Repeat("界", 500))})
	}
	r.hear(event{Action: "fail", Package: "a", Test: "TestA"})
	if s := out.String(); len(s) > 200*500 || !strings.Contains(s, "line 0 ") || !strings.Contains(s, "… 880 lines …") || !strings.Contains(s, "line 999 ") || !strings.Contains(s, "界…") {
		t.Errorf("of a thousand lines %d bytes are shown: %.2000s", len(s), s)
	}
}
