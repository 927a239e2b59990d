// Package host is hearth's engine: it takes events in, has plugins handle them
// in their sandboxes, commits what they do, and delivers what they send. It
// owns the way of an event and every rule that no plugin gets round. It must
// not know a platform, a store's backend or a page: [chat.Adapter], [store.Store]
// and the web room meet it in host/cmd/hearth.
//
// # A tour, bottom-up
//
// [github.com/hearthbot/hearth/store] keeps rows. Reads are snapshots, writes
// are batches that say what they relied on; a batch is carried out whole or
// refused as a conflict. That is the only way in which anything here changes.
//
// [github.com/hearthbot/hearth/sdk/abi] is what goes into a plugin and comes out:
// an event in, effects out. A plugin can do nothing by itself.
//
// [github.com/hearthbot/hearth/host/wasm] runs a plugin. Each call starts from
// the same memory, ends when its fuel or its time does, and leaves nothing
// behind; [github.com/hearthbot/hearth/host/wasm/meter] rewrites the code so that
// it counts.
//
// [github.com/hearthbot/hearth/host/verify] compiles and runs what members
// write, in the same sandbox; the engine knows it as a [Verifier].
//
// [github.com/hearthbot/hearth/host/chat] says what a platform is; the packages
// below it speak for one each.
//
// [github.com/hearthbot/hearth/host/house] is hearth's own plugin: what members
// can see, take along and have erased, and what managers say in chat.
//
// [github.com/hearthbot/hearth/host/audit] keeps who changed what, in the batch of
// the change; [github.com/hearthbot/hearth/host/settings] what was set on a page
// and not in the file; [github.com/hearthbot/hearth/host/access] who may come in to
// either. The engine knows the first of them alone.
//
// # The way of an event
//
//	adapter ──Accept──► seen row + one work row a plugin, one batch     accept.go, route.go
//	                        │ number pushed to the (plugin, conversation) lane    lanes.go
//	                        ▼
//	                    snapshot ─► sandbox ─► effects                   invoke.go, state.go
//	                        │
//	                        ▼
//	                    plan: effects against grants and bounds          plan.go, plansend.go, content.go, grants.go
//	                        │
//	                        ▼
//	                    one batch: what was read is still so; state,     commit in invoke.go
//	                    outbox, timers, journal written; work row gone
//	                        │
//	        ┌───────────────┼────────────────┐
//	        ▼               ▼                ▼
//	     outbox          timers           actions                        deliver.go, policy.go; fire.go; action.go,
//	     attempt ►       due ► event      result ► event                 underway.go, verifying.go
//	     platform ►
//	     receipt                                                         receipt.go
//
// What fails is tried again in its lane, then parked, then kept for a person
// (fail in invoke.go, dead.go, Retry in query.go); a plugin that fails event
// after event is held back (breaker.go). What ages is deleted (sweep.go), what
// plugins track is counted (track.go). What pages show of a plugin it is asked
// for, and what they change it is told (view.go); an answer is given again as long as it
// holds (viewstore.go; package [github.com/hearthbot/hearth/host/views]). Which versions of a plugin run is
// its lineup (lineup.go): beside the live one a candidate may have some of the work
// (rollouts.go; package [github.com/hearthbot/hearth/host/rollout] says who goes
// where and when it is enough, guard.go measures and judges), and one more be tried
// silently (shadow.go). What a version would have done about what happened is
// found out by running the journal again (replay.go, permitted.go; package
// [github.com/hearthbot/hearth/host/replay] tells the two apart), which may be asked
// of it before it is made live (gate.go). How a version comes in and
// lives is stage.go's (taken in and tried), promote.go's (made live, rolled back),
// manage.go's (permissions, rest, removal) and restore.go's (what a start begins
// with); its rows are [github.com/hearthbot/hearth/host/registry]'s, and versions.go
// shows them. Where a plugin's rows lie is space.go's; a version that reads another
// form of them has a copy made beside the work, and both become live together
// (migrate.go, migratepass.go, migratehold.go). install.go takes images, and what may
// change while the engine runs is tune.go's: limits and
// rules, a plugin's config; platforms come and go (platform.go). How a person is
// forgotten is forget.go's, step by step goodbye.go's: plugins are told, then every row that names them goes
// (forgetrows.go, traces.go); people.go and export.go show what there is of
// somebody, and house.go does what the house's own plugin asks for. link.go says
// whose GitHub account is whose, first.go what counts once a member. metrics.go
// counts at each station and queues.go shows what waits, and for how long;
// browse.go goes back through the journal, today.go counts the day, tally.go
// the last hour and health.go that of each plugin. What becomes of members is
// measured with the events themselves: package
// [github.com/hearthbot/hearth/host/measure] says what is counted, measuring.go by
// which definitions and in which batches, measuringhooks.go what follows from events,
// measuringcount.go how it is counted anew, and measuringfigures.go tells Prometheus. keys.go and rows.go say how all
// of it is stored. RATIONALE.md beside this file answers why it is so and not otherwise.
package host
