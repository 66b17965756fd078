package sip

// ReasonPhrase returns the registered phrase of a status code, "" for an
// unknown one.
func ReasonPhrase(code int) string { panic("stub") }
