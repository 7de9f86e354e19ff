// Package web is the page that plays a run like a video: one HTML file with the
// timeline and the report of it inside, that loads nothing from anywhere; or the
// same page without them, to be fed while a lab runs.
//
// It draws what the timeline says and what package report makes of it, and finds out nothing itself.
package web
