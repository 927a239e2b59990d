// Package archtest holds the module to its plan: who may import whom, and which
// library has one importer only. It has nothing but tests. They read the files
// themselves, of every system, so that a rule is not broken where nobody builds.
package archtest
