package admin

import (
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/audit"
	"github.com/hearthbot/hearth/web"
)

func TestPlatforms(t *testing.T) {
	ago := func(d time.Duration) *time.Time { at := noon.Add(-d); return &at }
	slack := web.Platform{Name: "slack", OK: true, Checked: ago(time.Minute), Account: "hearth in <Gophers>", Counted: noon.Add(-24 * time.Hour), Sent: 12, Failed: 3}
	with := func(change func(p *web.Platform)) web.Platform {
		p := slack
		change(&p)
		return p
	}
	for _, c := range []struct {
		name     string
		status   web.Status
		en, zhCN []string
	}{
		{"none", web.Status{}, []string{"No platform is connected"}, []string{"还没有连接平台"}},
		{"well", web.Status{Platforms: []web.Platform{slack}}, []string{"works", "hearth in &lt;Gophers&gt;", "12 <span", "in the last hour", "who types", "Check now"}, []string{"正常", "最近一小时", "谁在输入"}},
		{"just connected", web.Status{Platforms: []web.Platform{with(func(p *web.Platform) { p.Counted, p.Checked, p.OK = noon.Add(-5*time.Minute), nil, false })}},
			[]string{"not asked yet", "5 min ago", "!does not work"}, []string{"还没检查"}},
		{"held", web.Status{Platforms: []web.Platform{with(func(p *web.Platform) {
			p.OK, p.Held, p.Since, p.Waiting, p.Oldest = false, "token_revoked", ago(time.Hour), 7, ago(3*time.Hour)
		})}}, []string{"held", "token_revoked", "put the new token", "the oldest for 3 h", `class="wrong"`}, []string{"已停住", "把新令牌填到设置里", "最久的已等 3 小时"}},
		{"lacking", web.Status{Platforms: []web.Platform{with(func(p *web.Platform) { p.Missing, p.Advice = []string{"im:write", "chat:write"}, "its own" })}},
			[]string{"lacks permissions", "<code>im:write</code>", "hearth slack manifest", "!its own"}, []string{"缺少权限", "重新安装"}},
		{"ill in its own words", web.Status{Platforms: []web.Platform{with(func(p *web.Platform) { p.OK, p.Code, p.Advice = false, "odd_thing", "do <this>" })}},
			[]string{"does not work", "do &lt;this&gt;", `lang="en"`}, []string{"不正常", "do &lt;this&gt;"}},
		{"unknown", web.Status{Platforms: []web.Platform{with(func(p *web.Platform) { p.Name, p.Hidden = "pigeon", []string{"the weather"} })}}, []string{"pigeon", "the weather"}, []string{"pigeon"}},
		{"sees all", web.Status{Platforms: []web.Platform{with(func(p *web.Platform) { p.Name = "pigeon" })}}, []string{"hearth sees all"}, []string{"都看得到"}},
		{"paused", web.Status{Paused: true, Platforms: []web.Platform{with(func(p *web.Platform) { p.Waiting, p.Oldest = 1, ago(time.Hour) })}},
			[]string{"hearth is paused", "1 message waits", "Anna", "too &lt;loud&gt;", "Resume", "!Pause everything", `!class="wrong"`}, []string{"炉边已暂停", "Anna"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.host.status = c.status
			if err := h.Audit.Add(t.Context(), audit.Entry{Who: audit.Who{Name: "Anna"}, Did: "host.pause", On: "host", Why: "too <loud>"}); err != nil {
				t.Fatal(err)
			}
			h.want(access.Manager, "/admin/platforms", 200, c.en...)
			h.want(access.Manager, "/admin/platforms?lang=zh-CN", 200, c.zhCN...)
			h.want(access.Viewer, "/admin/platforms", 200, `!action="/admin/platforms`)
		})
	}
}

func TestPause(t *testing.T) {
	h := newHouse(t)
	h.post(access.Manager, "/admin/platforms/pause", "why=+too+loud+", 303, "/admin/platforms?done=paused")
	h.post(access.Manager, "/admin/platforms/resume", "why=", 303, "/admin/platforms?done=resumed")
	h.post(access.Manager, "/admin/platforms/slack/check", "x=y", 303, "/admin/platforms?done=checked")
	h.told("<manager> pauses: too loud", "<manager> resumes: ", "check slack")
	h.post(access.Manager, "/admin/platforms/nowhere/check", "x=y", 404, "")
	h.post(access.Viewer, "/admin/platforms/pause", "why=x", 403, "")
	h.post(access.Viewer, "/admin/platforms/slack/check", "x=y", 403, "")
	h.told()
	for done, says := range map[string]string{"paused": "Nothing is sent until", "resumed": "is sent now", "checked": "Asked just now", "nonsense": "!role=\"status\""} {
		h.want(access.Manager, "/admin/platforms?done="+done, 200, says)
	}
}
