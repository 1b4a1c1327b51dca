// Package metrics finds what left its normal range in the numbers: errors,
// durations and traffic of every service, version and edge, and the level of
// every other series.
//
// It answers one question: which signal is not as it was, since when, and by
// how much? It does not say why (watch/cause) and does not decide what is
// worth a person's attention (watch/triage). It looks at no clock: the same
// steps, series and ticks give the same findings, byte for byte.
//
// # Method
//
// Errors are judged by counts. The errors of the last 5, 10, 30 and 60 seconds
// are compared with a learned base rate that is itself uncertain
// (Beta-binomial; what was learned is never worth more than 2,000 requests,
// because real errors come in clusters). A finding needs a rarity of five
// deviations, four errors in three different seconds, and at least one
// percentage point and twice the base rate. Before anything is learned the
// base is taken to be about 1 %, so a service that fails a third of its
// requests is seen in its first minute.
//
// Durations are judged by the logarithm of the mean over at least 5 seconds and
// 10 requests, against median and spread over some ten minutes of such means.
// A finding needs five deviations (or, where the noise is wide, half as much
// again as the greatest mean of those ten minutes, early on 2.5 times that), half as much again as is
// normal, 10 ms, and most single seconds being slow, so that one slow request
// is none. The service's own time
// (its duration without its calls to others) is a signal of its own.
//
// When the own times of half of the services rise together, the machine below
// them is busy. Then only what stands out threefold from that counts, for
// longer, or tenfold, at once; after thirty seconds the entry of the system,
// but only that, is judged as always, because its callers do feel it. When they
// rise fivefold, everything stands still, and the same holds for failures:
// requests are given up then, whoever is asked.
//
// Numbers that everybody sees are one finding: that of the service. The callee's
// side of an edge is told only when one caller fares clearly worse than the
// callers together, the caller's side only when less than seven tenths of the
// rise show at the callee, because it is silent or the network lies between. Nor
// are series told that count requests or add up their durations, while the
// spans of these requests have said so.
//
// Traffic is judged on whole services: absence (nothing for eight seconds or
// more from a service that always had requests, while others have some), a
// drop below 40 %, a surge beyond 2.5 times. Services that no outsider calls
// are compared with what all services do.
//
// Every other series has a level: the last 64 values, not more often than every
// ten seconds. Counters become rates, and so do their increases (deltas). A finding needs eight deviations, a
// quarter of the level, a value that the series did not have in some hours,
// and four samples and ten seconds of that. An instance whose series have all
// ended is one finding, not one for each series.
//
// While a finding lasts nothing is learned from its signal; after half an hour
// ([Config.Adapt]) what it is about becomes the new normal. Values are learned
// fifteen seconds late, so that the onset of a fault is not.
//
// # Limits
//
// Slow drifts (a leak) move the level along and are not found; nor are seasons
// known, so a surge each morning is found each morning. A fault that was there
// when learning began is normal, unless it fails a third of the requests.
// Native histograms are not watched: what they count and add up has no query of
// its own by which a finding could be drawn, and where they time requests, spans
// tell the same and of whom. Durations are told as means: one request in fifty that becomes twenty times
// as slow shows, one in a thousand does not.
package metrics
