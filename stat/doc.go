// Package stat is the mathematics that the rooms share: robust statistics over
// windows, tails of counts, quantiles of histograms. It knows no papers and
// imports nothing of the project.
//
// # Method
//
// Level and spread are median and median absolute deviation; the deviation is
// scaled by [MADScale], so that for normal data it estimates the standard
// deviation. Counts are judged by exact tails (binomial, or Beta-binomial when
// the base rate is itself uncertain), computed in logarithms, and turned into
// the number of standard deviations at which a normal variable is as rare.
//
// # Limits
//
// The tails assume independent events; real errors come in clusters. Callers
// ask for a least effect and for persistence besides, and cap what the base
// rate may claim to know.
package stat
