package plan

import "github.com/hearthbot/hearth/sdk/experiment"

// Keys of the ready-made experiments, by which the bundled plugins ask for them.
const (
	BotScript         = "bot-script"         // plugins/welcome
	TaskPacing        = "task-pacing"        // plugins/tasks
	ReminderFrequency = "reminder-frequency" // plugins/nudges and plugins/tasks
	Icebreaker        = "icebreaker"         // plugins/welcome
)

// Samples are ready-made experiments that the bundled plugins obey, as drafts.
// They are the caller's own copies. The seeds are the keys: the four are
// independent of each other. The first variation of each is what hearth does
// without the experiment.
func Samples() []*Definition {
	harm := []Guardrail{{Metric: "left", Margin: 0.02}, {Metric: "muted", Margin: 0.02}}
	one := func(key string, variations []string, weights []float64, name, about Text, metrics ...string) *Definition {
		return &Definition{Experiment: experiment.Experiment{Key: key, Variations: variations, Weights: weights}, Name: name, About: about,
			Metrics: metrics, Guardrails: append([]Guardrail(nil), harm...), Status: Draft}
	}
	return []*Definition{
		one(BotScript, []string{"baseline", "v2", "v3"}, nil,
			Text{"en": "What the welcome says", "zh-CN": "欢迎话术"},
			Text{"en": "Newcomers are greeted in one of three ways: as they are today, shorter and straight to the first task, or with a question about what they want to build.",
				"zh-CN": "用三种方式欢迎新人：现在的话术、更短且直接给出第一个任务，或先问他们想做什么。"},
			"day7", "first_task", "first_pr"),
		one(TaskPacing, []string{"normal", "fast", "slow"}, nil,
			Text{"en": "How fast tasks follow each other", "zh-CN": "任务节奏"},
			Text{"en": "After a task the next one is shown at once, or one a day after the first steps. Members who chose a pace themselves keep it.",
				"zh-CN": "完成任务后立即给出下一个，或在最初几步之后每天一个。自己选过节奏的成员不受影响。"},
			"first_task", "day7", "first_pr"),
		one(ReminderFrequency, []string{"medium", "high", "low"}, nil,
			Text{"en": "How often newcomers are reminded", "zh-CN": "提醒频率"},
			Text{"en": "Newcomers who fall silent, or whose task waits, are reminded three times, twice or once in their first 72 hours.",
				"zh-CN": "新人沉默或任务未完成时，在最初 72 小时内提醒三次、两次或一次。"},
			"day7", "first_task"),
		one(Icebreaker, []string{"gentle", "example"}, []float64{0.4, 0.6},
			Text{"en": "Icebreaker", "zh-CN": "破冰"},
			Text{"en": "Newcomers who name a much-used package of the standard library get an example that runs, or the gentle start that all others have.",
				"zh-CN": "新人提到常用的标准库包时，给出可直接运行的示例，或与其他人一样的温和开场。"},
			"replied", "clicked", "reused", "day7"),
	}
}
