// Package experiment assigns members to the variations of experiments, by
// GrowthBook's published scheme: the same member gets the same variation on
// every machine and in every process, with nothing stored and nobody asked, and
// what is assigned can be checked against GrowthBook's own libraries.
//
// It decides who gets what. It must not know what was shown to whom, nor what
// came of it: exposures and results are the host's to keep. It is pure, imports
// the standard library alone and builds for wasip1, so that plugins have it;
// package groups below it puts a request's groups into its context, for services
// that are no plugins.
//
// # The scheme
//
// A member's id and a seed are hashed to a number in [0, 1) ([Hash]); the
// variations divide [0, 1) among themselves by their weights ([BucketRanges]);
// the range the number falls into is the member's variation
// ([ChooseVariation]). Experiments that must not meet share a namespace, of which
// each takes a part ([InNamespace]). The scheme is specified at
// https://docs.growthbook.io/lib/build-your-own.
//
// # Bytes
//
// Strings are hashed as their UTF-8 bytes. GrowthBook's JavaScript library hashes
// UTF-16 code units, so ids and seeds outside ASCII get other numbers there; its
// Go, Python and Ruby libraries agree with this one. Ids of members are ASCII on
// every platform that hearth speaks to.
//
// # Independence
//
// Dimensions are orthogonal because their seeds differ. That holds for hash
// version 2. Version 1 hashes the id first and the seed after it, and seeds that
// are alike ("onboarding-1", "onboarding-2") give one id numbers that are related:
// two such experiments over the same members show each other's effects. It is there
// for those who have to go on with experiments begun elsewhere.
package experiment

import "strconv"

// fnv32a is FNV-1a, 32 bits, of the strings one after the other.
func fnv32a(parts ...string) uint32 {
	h := uint32(2166136261)
	for _, s := range parts {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
	}
	return h
}

// Hash maps a value to [0, 1): in steps of 1/10000 by version 2, in steps of
// 1/1000 by version 1. Other versions have no number, and return false. The seed
// is what differs between experiments.
func Hash(seed, value string, version int) (float64, bool) {
	switch version {
	case 1:
		return float64(fnv32a(value, seed)%1000) / 1000, true
	case 2:
		var digits [10]byte
		inner := strconv.AppendUint(digits[:0], uint64(fnv32a(seed, value)), 10)
		return float64(fnv32a(string(inner))%10000) / 10000, true
	}
	return 0, false
}

// Range is a half-open part of [0, 1): Start ≤ n < End. One whose End is its
// Start has nobody in it.
type Range struct {
	Start, End float64
}

// Contains says whether n lies in r.
func (r Range) Contains(n float64) bool { return r.Start <= n && n < r.End }

// BucketRanges returns the ranges of n variations. Each begins where the weights
// before it end, and has coverage of its own weight: raising the coverage brings
// members in and moves none. Coverage is clamped to [0, 1]; nil weights are equal
// ones. Weights that are not n, that sum to less than 0.99 or more than 1.01, or
// of which one is negative or not a number, are replaced by equal ones, so that a
// mistake never leaves members out unseen; [Experiment.Validate] reports it. A
// sum within those bounds is taken as it is. No ranges for n ≤ 0.
func BucketRanges(n int, coverage float64, weights []float64) []Range {
	if n <= 0 {
		return nil
	}
	if !(coverage > 0) { // not a number is nobody
		coverage = 0
	}
	coverage = min(coverage, 1)
	if len(weights) != n || checkWeights(weights) != nil {
		weights = nil
	}
	ranges := make([]Range, n)
	at := 0.0
	for i := range ranges {
		w := 1 / float64(n)
		if weights != nil {
			w = weights[i]
		}
		ranges[i] = Range{at, at + coverage*w}
		at += w
	}
	return ranges
}

// ChooseVariation returns the number of the first range that contains n, −1 if
// none does: not in the experiment.
func ChooseVariation(n float64, ranges []Range) int {
	for i, r := range ranges {
		if r.Contains(n) {
			return i
		}
	}
	return -1
}

// InNamespace says whether value falls into the part [start, end) of the
// namespace id. Experiments with parts that do not overlap never share a member.
// It hashes by version 1, as GrowthBook does.
func InNamespace(value, id string, start, end float64) bool {
	n, _ := Hash("__"+id, value, 1)
	return Range{start, end}.Contains(n)
}
