// Package view is what the digest plugin shows of what it knows: the answers to
// its queries as Go types, for the plugin that writes them and for pages and the
// answer service that read them. It owns the JSON and nothing else.
//
// What members wrote (titles, questions, answers) is handed on as it was written,
// except that links to people are taken out; whoever shows it makes it harmless.
// Times are Unix milliseconds; 0 is never.
//
// # Queries
//
//	/knowledge  after, limit, q, order   Knowledge: topics, the last asked first; order=asked the most asked first
//	/topic      id                       Topic, with its Questions; 404. A number that was joined with another gives that one
//	/answers    q, place                 Answers: the known question nearest to q, if any; 400 without q
//	/queue      after, limit             Queue: what a maintainer should look at; 403 for others than managers
//	/export     after                    Knowledge, with Questions, in the order of their numbers
//	/editions   after, limit             Editions: the digests that were posted, newest first
//
// limit is at most MaxPage. after is Next of the page before. Managers and admins
// see all; everybody else sees what was asked in channels that config calls
// public, and nothing that a maintainer has hidden. place is a conversation's id:
// with it, what was asked there counts as public too.
//
// # Changes
//
// The host tells the plugin what a manager does on a page by its plugin event
// "hearth/knowledge", whose properties are op and by (the manager's name), and
//
//	merge    topic, with               with's questions are topic's from now on
//	split    topic, items              items: numbers with commas between; they become a topic of their own
//	rename   topic, name               "" takes the name away
//	answer   topic, text, url          text in place of the answer that was found; "" takes it back
//	choose   topic, place, message     that message is the answer
//	hide     topic                     no page, no digest and no answer shows it
//	show     topic                     the reverse
//	approve  suggestion                the suggested answer is posted
//	dismiss  suggestion                it is not, and counts as one that would not have helped
//
// They are carried out in the plugin's own lane, within some seconds. What cannot
// be (a topic that is gone) is logged and changes nothing: ask first.
package view

// MaxPage is how many entries a page has at most.
const MaxPage = 40

// Knowledge is a page of topics.
type Knowledge struct {
	Topics []Topic `json:"topics"`
	Next   string  `json:"next,omitempty"` // after of the next page; "" on the last
	Total  int     `json:"total"`          // topics that the viewer may see, on all pages
	Asked  int     `json:"asked"`          // questions in them
}

// Topic is a question that was asked, in however many wordings.
type Topic struct {
	ID       uint32  `json:"id"`
	Title    string  `json:"title"`
	Named    bool    `json:"named,omitempty"` // by a maintainer; else the title is a question's beginning
	Lang     string  `json:"lang"`            // "en" or "zh": of most of its questions
	Asked    int     `json:"asked"`
	First    int64   `json:"first,omitempty"` // when it was asked first, of the times that are still known
	Last     int64   `json:"last,omitempty"`  // and last
	Updated  int64   `json:"updated"`         // the last that was asked or that changed its answer
	Public   bool    `json:"public"`
	Hidden   bool    `json:"hidden,omitempty"`
	Pinned   bool    `json:"pinned,omitempty"` // a maintainer joined it or split it off
	Answer   *Answer `json:"answer,omitempty"` // the best one; nil if none is known
	Helped   int     `json:"helped,omitempty"` // who said so of its automatic answers
	Unhelped int     `json:"unhelped,omitempty"`

	Questions []Question `json:"questions,omitempty"` // on /topic and /export: the newest of each wording, at most 40
}

// Answer is the best answer of a topic.
type Answer struct {
	Text       string  `json:"text"`         // as posted, at most 3,000 bytes
	Author     string  `json:"author"`       // their name; "" if they were forgotten
	Why        string  `json:"why"`          // accepted, thanked, liked, maintainer, overlap; chosen, written
	By         string  `json:"by,omitempty"` // of chosen and written: the maintainer's name
	Confidence float64 `json:"confidence"`   // 0 to 1
	Updated    int64   `json:"updated"`
	Source     Source  `json:"source"`
}

// Source is where something was said.
type Source struct {
	Place   string `json:"place,omitempty"`   // conversation id
	Channel string `json:"channel,omitempty"` // its name, "" if not known
	Message string `json:"message,omitempty"` // the platform's id of it
	Thread  string `json:"thread,omitempty"`  // of the question it stands under
	URL     string `json:"url,omitempty"`     // https; "" where config has no form of link for the platform
	At      int64  `json:"at,omitempty"`
}

// Question is one wording, and where it was asked last.
type Question struct {
	Item   uint32 `json:"item"` // its number, for split
	Text   string `json:"text"`
	Asked  int    `json:"asked"`
	Source Source `json:"source"`
}

// Answers is what is known about a question.
type Answers struct {
	Query    string  `json:"q"`
	Found    bool    `json:"found"` // there is a topic with an answer, and it is sure enough to be given by a machine
	Score    float64 `json:"score"` // how often a match as near as this one is right, 0 to 1
	Needed   float64 `json:"needed"`
	Question string  `json:"question,omitempty"` // the known wording that is nearest
	Topic    *Topic  `json:"topic,omitempty"`    // there also if it is only near: Found says whether to trust it
}

// Queue is a page of what a maintainer should look at.
type Queue struct {
	Items []Item `json:"items"`
	Next  string `json:"next,omitempty"`
	Total int    `json:"total"`
}

// Item is one of them.
type Item struct {
	Kind       string `json:"kind"` // suggested, unhelpful, unanswered, unsure
	Topic      Topic  `json:"topic"`
	Suggestion string `json:"suggestion,omitempty"` // of suggested: its key
	Question   string `json:"question,omitempty"`   // of suggested: what was asked
	Source     Source `json:"source,omitzero"`      // of suggested: where
}

// Editions is a page of digests that were posted.
type Editions struct {
	Editions []Edition `json:"editions"`
	Next     string    `json:"next,omitempty"`
}

// Edition is one digest.
type Edition struct {
	Key       string `json:"key"` // day:2026-11-26, week:2026-11-23
	From      int64  `json:"from"`
	To        int64  `json:"to"`
	Posted    int64  `json:"posted"`
	Questions int    `json:"questions"`
	Rows      []Row  `json:"rows"`
}

// Row is a line of a digest, as it is now.
type Row struct {
	Topic  uint32  `json:"topic"`
	Title  string  `json:"title"`
	Asked  int     `json:"asked"` // within the edition's time
	Answer *Answer `json:"answer,omitempty"`
}
