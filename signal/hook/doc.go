// Package hook is the door for changes: what people and pipelines did to a
// service, told by a small JSON of our own or by CDEvents.
//
// It answers one question: which change does this request tell of?
//
// # Method
//
// POST /hooks/change takes one JSON object; a field that is not known is
// refused by name, because a misspelt field would be a change that is told
// wrongly. POST /hooks/cdevents takes dev.cdevents.service.deployed, .upgraded
// and .rolledback as CloudEvents, structured (application/cloudevents+json) or
// binary (ce-… headers, the CDEvent as the body); there unknown fields are
// passed over, as CDEvents demand.
//
// A change's ID is a hash over entity, kind, version and time, so a pipeline may
// send the same again and it stays one change. Without a time, the time of
// arrival counts, and sending again makes another change.
//
// Both doors insist on a JSON content type. A web page cannot send one to
// another site without asking first, and these doors do not answer such
// questions, so that an open door on loopback is not open to every page that
// is shown on the same machine.
//
// # Limits
//
// Other CDEvents than those three are refused, so that nobody believes they are
// looked at.
package hook
