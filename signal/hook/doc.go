// Package hook is the front door for what others tell in single messages:
// changes of services, alerts, and what repositories and pipelines do.
//
// It answers one question: which papers does this message become?
//
// # Method
//
// Everything is a POST below /hooks/:
//
//	change           one JSON object of our own; a field that is not known is
//	                 refused by name, because a misspelt field would be a change
//	                 that is told wrongly
//	cdevents         dev.cdevents.service.deployed, .upgraded and .rolledback,
//	                 structured or binary
//	cloudevents      any CloudEvent, structured or binary; the CDEvents above are
//	                 changes, all others notices without their data
//	alertmanager     version 4 of Alertmanager's webhook: a notice for each alert,
//	                 the same one when it fires and when it is resolved; one that
//	                 is no good is left out of its group
//	github/NAME      push, deployment, deployment_status, workflow_run, signed with
//	                 the secret of the source NAME (X-Hub-Signature-256)
//	gitlab           push, tag push, deployment, pipeline; its secret token is the
//	                 source's token (X-Gitlab-Token)
//
// A deployment that succeeded is a [fact.Change]: its service is the repository's
// name, or what ?service= and ?namespace= in the address say; its version is the
// tag, or the commit if it was made from a branch. One to another environment
// than ?environment= says, or to one that GitHub calls transient, changes nothing
// that is watched. All else is a [fact.Notice],
// which rides in the batch as an event. What is understood and not kept is
// answered with 200 and counted as "ignored".
//
// A change's ID is a hash over entity, kind, version and time, so a pipeline may
// send the same again and it stays one change. Without a time, the time of
// arrival counts, and sending again makes another change.
//
// All doors insist on a JSON content type. A web page cannot send one to
// another site without asking first, and these doors do not answer such
// questions, so that an open door on loopback is not open to every page that
// is shown on the same machine.
//
// # Limits
//
// At /hooks/cdevents other CDEvents than those three are refused, so that nobody
// believes they are looked at. Text of others is cut to a line, not refused. A
// notice decides nothing: no incident opens from it.
package hook
