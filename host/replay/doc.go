// Package replay tells what two versions of a plugin do about the same events
// apart: [Compare] for two effects, [Report] for a journal of them. It owns what
// counts as a difference and how one reads, what a recorded event can still
// answer ([Evidence]), and how slow or failing reads are made up ([Trouble]).
//
//	journal ─► Case ─► Evidence ─► the new version ─► effects ─┐
//	             └──────────── the recorded effects ───────────┴─► Compare ─► Report
//
// It runs nothing itself and must not know the engine, a sandbox or where a
// journal lies. It stores nothing; what it reads of a journal's rows is of the
// members that they name, and goes where the report goes.
package replay
