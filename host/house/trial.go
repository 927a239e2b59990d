package house

import "github.com/hearthbot/hearth/sdk/abi"

// Trial is an experiment that a guardrail stopped.
type Trial struct {
	Name      map[string]string // by locale
	Key       string
	Variation string  // the one that did harm
	Metric    string  // of the guardrail: "left"
	Harm      float64 // how much worse it was than the control: 0.01 is one member in a hundred
	Most      float64 // and how much was borne
}

// TellTrial tells a manager that an experiment was stopped, and why.
func TellTrial(s *Setup, locale string, t *Trial) abi.Content {
	if locale == "" {
		locale = s.Locale
	}
	name := t.Name["en"]
	for l, n := range t.Name {
		if n != "" && abi.SameLanguage(l, locale) {
			name = n
		}
	}
	if name == "" {
		name = t.Key
	}
	say := func(key string, args ...any) string { return text(s.Texts, locale, key, args...) }
	what := "trial.other"
	if _, known := catalogue["trial."+t.Metric]; known {
		what = "trial." + t.Metric
	}
	return content(abi.Block{Heading: say("trial.stopped.title", "title", name)},
		abi.Block{Text: say("trial.stopped", "title", name, "variation", t.Variation)},
		abi.Block{Text: say(what, "name", t.Metric, "now", short(t.Harm*100), "most", short(t.Most*100))})
}
