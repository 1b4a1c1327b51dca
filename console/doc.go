// Package console is the people's window: the pages of the browser application
// and, in package api, what they and other programs ask for.
//
// It reads every room and decides nothing.
package console
