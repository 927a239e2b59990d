package app

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/web"
)

// slackTime is how long a check at Slack may take.
const slackTime = 10 * time.Second

// slackTokens says which tokens are of another kind than they have to be.
func slackTokens(c *config.Config) map[string]error {
	out := map[string]error{}
	if t := c.Slack.BotToken.Reveal(); strings.HasPrefix(t, "xapp-") || strings.HasPrefix(t, "xoxp-") {
		out["slack.bot_token"] = config.Say("is a token of another kind: the bot's begins with xoxb-, under OAuth & Permissions of the app's page",
			"不是机器人令牌：它以 xoxb- 开头，在应用页面的 OAuth & Permissions 里")
	}
	if t := c.Slack.AppToken.Reveal(); t != "" && !strings.HasPrefix(t, "xapp-") {
		out["slack.app_token"] = config.Say("is a token of another kind: the app's begins with xapp-, under Basic Information, App-Level Tokens, of the app's page",
			"不是应用令牌：它以 xapp- 开头，在应用页面 Basic Information 的 App-Level Tokens 里")
	}
	return out
}

// slackSays is what to do about an error of Slack's in Chinese; in English the
// adapter says it.
var slackSays = map[string]string{
	"invalid_auth":            "令牌无效：请从应用页面的 OAuth & Permissions 重新复制",
	"not_authed":              "没有发送令牌：请填写机器人令牌",
	"account_inactive":        "机器人账号已被移除：请在工作区重新安装应用，再复制新的令牌",
	"token_revoked":           "令牌已被撤销：请在工作区重新安装应用，再复制新的令牌",
	"token_expired":           "令牌已过期：请关闭应用的令牌轮换，或复制新的令牌",
	"no_permission":           "令牌没有这项权限：请用新的清单更新应用并重新安装",
	"not_allowed_token_type":  "令牌类型不对：机器人令牌以 xoxb- 开头，应用令牌以 xapp- 开头",
	"access_denied":           "工作区拒绝了这个应用：请联系工作区管理员",
	"team_access_not_granted": "应用尚未获准在该工作区使用：请联系工作区管理员",
	"ratelimited":             "Slack 暂时限制了请求：请过一分钟再试",
	"unreachable":             "连不上 Slack：请检查网络",
	"no_answer":               "Slack 没有回应：请检查网络后再试",
}

// signingSecret is what Slack's look like.
var signingSecret = regexp.MustCompile(`^[0-9a-f]{32}$`)

// CheckSlack implements web.Settings.
func (b *board) CheckSlack(ctx context.Context, field, value string) web.SlackCheck {
	ctx, cancel := context.WithTimeout(ctx, slackTime)
	defer cancel()
	c := *b.app.conf()
	value = strings.TrimSpace(value)
	said := func(en, zh string) web.SlackCheck { return web.SlackCheck{Advice: web.Words{"en": en, "zh-CN": zh}} }
	switch field {
	case "bot_token":
		c.Slack.BotToken = config.NewSecret(value)
		c.Slack.AppToken, c.Slack.SigningSecret = config.Secret{}, config.NewSecret("-") // that it is right nobody asks
	case "app_token":
		c.Slack.AppToken = config.NewSecret(value)
		if !c.Slack.BotToken.Set() {
			c.Slack.BotToken = config.NewSecret("xoxb-") // it is not used for this
		}
	case "signing_secret":
		switch {
		case value == "":
			return said("enter the Signing Secret: it is on the app's page under Basic Information", "请填写 Signing Secret：在应用页面的 Basic Information 里")
		case !signingSecret.MatchString(value):
			w := said("Slack's are 32 digits from 0 to f, and this is not: make sure that it is the Signing Secret, not the Client Secret. Whether it is right shows when Slack calls for the first time",
				"Slack 的 Signing Secret 是 32 位十六进制数，这个不是：请确认不是 Client Secret。是否正确要等 Slack 第一次调用才知道")
			w.OK = true
			return w
		}
		return web.SlackCheck{OK: true, Advice: web.Words{"en": "it looks right; whether it is shows when Slack calls for the first time", "zh-CN": "格式正确；是否有效要等 Slack 第一次调用才知道"}}
	case "":
		if !c.Slack.Complete() {
			return said("the bot token is needed, and the signing secret or the app token", "需要机器人令牌，以及 Signing Secret 或应用令牌")
		}
	default:
		return said("there is no such secret: bot_token, app_token, signing_secret", "没有这个密钥：bot_token、app_token、signing_secret")
	}
	if err := slackTokens(&c)["slack."+field]; err != nil {
		return web.SlackCheck{Advice: web.Words(config.Explain(err))}
	}
	if value == "" && field != "" {
		return said("enter the token", "请填写令牌")
	}
	a, err := NewSlack(&c, b.app.gate, b.app.manifests, b.app.log)
	if err != nil {
		return web.SlackCheck{Advice: web.Words(config.Explain(err))}
	}
	if field == "app_token" {
		return slackCheck(a.CheckApp(ctx))
	}
	return slackCheck(a.Check(ctx))
}

func slackCheck(h chat.Health) web.SlackCheck {
	w := web.SlackCheck{OK: h.OK, Account: h.Account, Missing: slices.Clone(h.Missing)}
	if h.OK {
		return w
	}
	zh := slackSays[h.Code]
	if len(h.Missing) > 0 {
		zh = "应用缺少权限（" + strings.Join(h.Missing, "、") + "）：请用新的清单更新应用并重新安装"
	} else if h.Code == "missing_scope" {
		zh = "令牌缺少所需权限：应用令牌需要 connections:write，机器人请用新的清单更新并重新安装"
	}
	if zh == "" {
		zh = "Slack 回答：" + h.Code
	}
	w.Advice = web.Words{"en": h.Advice, "zh-CN": zh}
	return w
}

// Slack implements web.Settings.
func (b *board) Slack(context.Context) web.SlackState {
	c := b.app.conf()
	s := web.SlackState{Socket: c.Slack.AppToken.Set()}
	if a := b.app.slack(); a != nil {
		s.Connected, s.Events = true, a.Stats().Received
		return s
	}
	for key, err := range b.now.Load().faults {
		if strings.HasPrefix(key, "slack.") {
			s.Problem = web.Words(config.Explain(err))
		}
	}
	if s.Problem == nil && c.Slack.Enabled() {
		s.Problem = web.Words(config.Explain(config.Say("not all secrets are set: the bot token is needed, and the signing secret or the app token",
			"密钥还没填完：需要机器人令牌，以及 Signing Secret 或应用令牌")))
	}
	return s
}

// SlackManifest implements web.Settings.
func (b *board) SlackManifest(_ context.Context, socket bool) ([]byte, []string, error) {
	c, manifests := b.app.conf(), b.app.manifests()
	doc, err := slack.Manifest(manifests, b.started.Load().Server.PublicURL, slack.ManifestOptions{AppName: c.Community.Name, Locale: c.Community.Locale, Socket: socket})
	return doc, slack.ManifestNotes(manifests), err
}
