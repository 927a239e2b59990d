// Package measure says what a community's numbers are: who is active, who stays,
// how far newcomers come, what they do in their first minutes, and what became of
// the members of an experiment. It owns the definitions, the row that is kept of
// each member, and the counters that follow from it.
//
// It must not know an engine, a page or a platform: events come in as [Fact],
// writes go out in a [store.Batch], and figures are read from a [store.Snapshot].
// What figures prove is package stats' to say.
//
// # How it counts
//
// One [Row] a member holds what they did first and on which days they were there. An
// event is a [Fact]; most facts change nothing, and then nothing is written. A fact
// that changes the row changes the counters by the difference of what the row is
// worth after and before ([Model.Changes]), in the same batch, conditional on the
// row being what was read ([Model.Fold]). So
//
//   - counters are exact, and distinct counts too: a member's row can enter a cell
//     once. A crash, a retry and a repeated delivery change nothing;
//   - the order of events does not matter: rows hold first and last times and sets
//     of days, to which a late event adds as a punctual one would have;
//   - reading takes a row for each cohort and age, however many members there are;
//   - the rows are the compact record of what happened: counters can be counted
//     anew from them ([Model.Rebuild]) and compared with them ([Model.Verify]), and
//     a forgotten member's row stays under a random name ([Model.Forget]).
//
// # What counts, and what does not
//
//   - Days are local days of the community, by the time zone in force at the time
//     ([Calendar]). A member's own time zone plays no part.
//   - The cohort is the local day of a member's first join. Who leaves and comes
//     back stays in it, and is active on the days on which they are; who was there
//     before hearth was is in no cohort, and among the active all the same. A leave
//     without a join, or before it, leaves a member who joined here.
//   - One person with two platforms' ids is two members.
//   - A time that is before 2000 or more than [Skew] in the future is the time at
//     which the event came in. Activity that comes in more than [Late] after it
//     happened counts on no day; joins and first times count whenever they come.
//   - A join that becomes known later takes in what was there before: days always;
//     windows of 24 hours and first minutes if it is at most [Late] old, or that
//     much earlier than the join known before.
//   - Bots count for nothing; one that is found out later is taken back.
//   - A cohort without members has blank cells, not zeros; so has a period that has
//     not passed for all members, and a calendar day that does not exist.
//
// # How it is fed
//
// Whoever commits an event makes a [Fact] of it ([Model.Fact]), reads the member's
// row in the snapshot it has, and folds ([Model.Fold]) into the batch that it is
// about to commit: the batch by which an event is accepted, so that it is counted
// once and no plugin's failure matters; for what follows from events (tracked names,
// finished verifications) the batch that makes those; for an exposure the batch that
// records the message as sent. A conflict on the row is one like any other: read
// again and fold again. Of rows that were folded lately copies may be kept, of any
// age, and most events need no read then ([Model.Knows]); a forgotten member's copy
// has to go with them.
//
// An event costs, however many members there are: nothing new, no write; what a
// member does in their first month, after the first activity of a day, their row and
// no counter; a first activity of a day, a row of 150 to 350 bytes and about twelve counters, of a few
// that all members of the day share; a join, a row and five counters; a step of the
// funnel, a row, three or four counters and a row of the list moved.
//
// # Stored rows
//
//	measured/MEMBER                                   Row, MessagePack; MEMBER is PLATFORM:~NAME once they are forgotten
//	standing/VERSION/STEP/DAY/SEGMENT/MEMBER          empty: who stands at a step of the funnel
//	owed/MEMBER/REV                                   counters still to be changed, after one batch had too many
//	measure/SEGMENT/FAMILY/…                          counters:
//	  active/d/DAY                                    active on that day
//	  active/w/DAY, active/m/DAY                      changes of those active in 7 and 30 days up to it
//	  joined/UNIT/DAY                                 members of the cohort; UNIT is d, w or m, DAY its first
//	  kept/UNIT/DAY/AGE                               of them, active in the period at that age
//	  last/UNIT/DAY/AGE                               of them, last active in it, or at the greatest age or later
//	  roll/DAY/AGE                                    of them, active in that window of 24 hours from their join
//	  gone/DAY                                        of them, those who have left
//	  stand/VERSION/DAY/STEP/HOUR                     of them, at that step of the funnel, come there at that hour
//	  took/VERSION/DAY/STEP/BUCKET                    of them, by the time from the join to the step
//	  first/DAY/ACTION/MINUTE                         of them, those who did that in that minute
//	  path/DAY/PATH                                   of them, by their first actions, a letter each
//	  within/NAME/DAY/BOUND                           of them, by the time to the first pull request
//	  shown/EXPERIMENT/DAY/VARIATION                  members first shown it on that day
//	  met/VERSION/EXPERIMENT/DAY/VARIATION/METRIC     of them, those who met the metric
//	  soon/VERSION/EXPERIMENT/METRIC/DAY/VARIATION/BUCKET   of them, by the time that it took them
//	  several/EXPERIMENT/DAY                          members shown several variations
//	  pair/A/B/DAY/VA/VB                              members shown VA of experiment A and VB of B, A < B
//
// SEGMENT is a platform, VERSION the definitions of funnel and metrics. DAY is 2026-03-01, and stands before what divides it, so
// that a page scans the days it shows. A cell in which nobody is left is a counter
// of 0, and may be swept.
package measure
