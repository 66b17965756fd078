package sip

import "math/bits"

// headerID names a header field that this package knows; 0 is any other.
type headerID uint8

const (
	hOther headerID = iota
	hAccept
	hAcceptContact
	hAcceptEncoding
	hAcceptLanguage
	hAlertInfo
	hAllow
	hAllowEvents
	hAuthenticationInfo
	hAuthorization
	hCallID
	hCallInfo
	hContact
	hContentDisposition
	hContentEncoding
	hContentLanguage
	hContentLength
	hContentType
	hCSeq
	hDate
	hDiversion
	hErrorInfo
	hEvent
	hExpires
	hFrom
	hHistoryInfo
	hIdentity
	hIdentityInfo
	hInReplyTo
	hMaxForwards
	hMinExpires
	hMinSE
	hPAssertedIdentity
	hPAssociatedURI
	hPPreferredIdentity
	hPath
	hPriority
	hPrivacy
	hProxyAuthenticate
	hProxyAuthorization
	hProxyRequire
	hRAck
	hReason
	hRecordRoute
	hReferTo
	hReferredBy
	hRejectContact
	hReplaces
	hReplyTo
	hRequestDisposition
	hRequire
	hRetryAfter
	hRoute
	hRSeq
	hServer
	hServiceRoute
	hSessionExpires
	hSIPETag
	hSIPIfMatch
	hSubject
	hSubscriptionState
	hSupported
	hTimestamp
	hTo
	hUnsupported
	hUserAgent
	hVia
	hWarning
	hWWWAuthenticate
	headerIDs
)

// headerNames holds the long names.
var headerNames = [headerIDs]string{
	hAccept: "Accept", hAcceptContact: "Accept-Contact", hAcceptEncoding: "Accept-Encoding",
	hAcceptLanguage: "Accept-Language", hAlertInfo: "Alert-Info", hAllow: "Allow",
	hAllowEvents: "Allow-Events", hAuthenticationInfo: "Authentication-Info",
	hAuthorization: "Authorization", hCallID: "Call-ID", hCallInfo: "Call-Info",
	hContact: "Contact", hContentDisposition: "Content-Disposition",
	hContentEncoding: "Content-Encoding", hContentLanguage: "Content-Language",
	hContentLength: "Content-Length", hContentType: "Content-Type", hCSeq: "CSeq",
	hDate: "Date", hDiversion: "Diversion", hErrorInfo: "Error-Info", hEvent: "Event",
	hExpires: "Expires", hFrom: "From", hHistoryInfo: "History-Info", hIdentity: "Identity",
	hIdentityInfo: "Identity-Info", hInReplyTo: "In-Reply-To", hMaxForwards: "Max-Forwards",
	hMinExpires: "Min-Expires", hMinSE: "Min-SE", hPAssertedIdentity: "P-Asserted-Identity",
	hPAssociatedURI: "P-Associated-URI", hPPreferredIdentity: "P-Preferred-Identity",
	hPath: "Path", hPriority: "Priority", hPrivacy: "Privacy",
	hProxyAuthenticate: "Proxy-Authenticate", hProxyAuthorization: "Proxy-Authorization",
	hProxyRequire: "Proxy-Require", hRAck: "RAck", hReason: "Reason",
	hRecordRoute: "Record-Route", hReferTo: "Refer-To", hReferredBy: "Referred-By",
	hRejectContact: "Reject-Contact", hReplaces: "Replaces", hReplyTo: "Reply-To",
	hRequestDisposition: "Request-Disposition", hRequire: "Require",
	hRetryAfter: "Retry-After", hRoute: "Route", hRSeq: "RSeq", hServer: "Server",
	hServiceRoute: "Service-Route", hSessionExpires: "Session-Expires",
	hSIPETag: "SIP-ETag", hSIPIfMatch: "SIP-If-Match", hSubject: "Subject",
	hSubscriptionState: "Subscription-State", hSupported: "Supported",
	hTimestamp: "Timestamp", hTo: "To", hUnsupported: "Unsupported",
	hUserAgent: "User-Agent", hVia: "Via", hWarning: "Warning",
	hWWWAuthenticate: "WWW-Authenticate",
}

// isList tells whether a comma separates values of the field, so that a list
// and repeated fields mean the same (RFC 3261 section 7.3.1). The credentials
// and challenges of section 20 are no lists although they hold commas, and of
// fields that are not known it is not known.
func (id headerID) isList() bool {
	switch id {
	case hAccept, hAcceptContact, hAcceptEncoding, hAcceptLanguage, hAlertInfo, hAllow,
		hAllowEvents, hCallInfo, hContact, hContentEncoding, hContentLanguage, hDiversion,
		hErrorInfo, hHistoryInfo, hInReplyTo, hPAssertedIdentity, hPAssociatedURI,
		hPPreferredIdentity, hPath, hProxyRequire, hReason, hRecordRoute, hRejectContact,
		hRequestDisposition, hRequire, hRoute, hServiceRoute, hSupported, hUnsupported,
		hVia, hWarning:
		return true
	}
	return false
}

// compactNames holds what each letter stands for (RFC 3261 section 7.3.3 and
// the registry of header fields).
var compactNames = map[byte]headerID{
	'a': hAcceptContact, 'b': hReferredBy, 'c': hContentType, 'd': hRequestDisposition,
	'e': hContentEncoding, 'f': hFrom, 'i': hCallID, 'j': hRejectContact, 'k': hSupported,
	'l': hContentLength, 'm': hContact, 'n': hIdentityInfo, 'o': hEvent, 'r': hReferTo,
	's': hSubject, 't': hTo, 'u': hAllowEvents, 'v': hVia, 'x': hSessionExpires, 'y': hIdentity,
}

// A nameKey is a field name in lower case, up to 16 octets of it in two words, the
// first octet lowest: two words are compared and hashed faster than a string.
type nameKey struct{ lo, hi uint64 }

// maxKey is the length of the longest name that a nameKey holds.
const maxKey = 16

// lowerAll makes ASCII letters in a word lower case. Of the octets that are no
// letters it leaves the hyphen alone, the only one that names known here have; a
// CR becomes one, but no field may hold a CR (see checkCR).
const lowerAll = 0x2020202020202020

// keyOf returns the key of a name that has at most maxKey octets.
func keyOf(name string) (k nameKey) {
	for i := range len(name) {
		c := uint64(name[i] | 0x20)
		if i < 8 {
			k.lo |= c << (8 * i)
		} else {
			k.hi |= c << (8 * (i - 8))
		}
	}
	return k
}

// scanKey returns the key of the name in front of the first colon of text and its
// length. ok is false if text or the name is too long or too short for that.
func scanKey(text string) (k nameKey, n int, ok bool) {
	if len(text) < maxKey {
		return k, 0, false
	}
	lo, hi := word(text), word(text[8:])
	if colons := findColon(lo); colons != 0 {
		n = bits.TrailingZeros64(colons) / 8
		return nameKey{lo: (lo | lowerAll) & (1<<(8*n) - 1)}, n, true
	}
	colons := findColon(hi)
	n = bits.TrailingZeros64(colons) / 8
	return nameKey{lo | lowerAll, (hi | lowerAll) & (1<<(8*n) - 1)}, 8 + n, colons != 0
}

// word returns the first eight octets of s, the first one lowest.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// findColon returns a word whose lowest bit that is set is in the octet of the
// first colon of w, or 0.
func findColon(w uint64) uint64 {
	w ^= 0x3a3a3a3a3a3a3a3a
	return (w - 0x0101010101010101) &^ w & 0x8080808080808080
}

// nameSlots is the number of slots in names, several times what is in it.
const nameSlots = 512

// slot is where the search for k in names begins.
func (k nameKey) slot() uint64 {
	return (k.lo ^ bits.RotateLeft64(k.hi, 25)) * 0x9e3779b97f4a7c15 >> 55
}

// names finds the id of a name, long or compact, with at most maxKey octets: a
// hash table with open addressing.
var names = indexNames()

type nameSlot struct {
	nameKey
	id headerID
}

func indexNames() (t [nameSlots]nameSlot) {
	add := func(name string, id headerID) {
		k := keyOf(name)
		i := k.slot()
		for t[i].id != hOther {
			i = (i + 1) % nameSlots
		}
		t[i] = nameSlot{k, id}
	}
	for letter, id := range compactNames {
		add(string([]byte{letter}), id)
	}
	for id := hOther + 1; id < headerIDs; id++ {
		if len(headerNames[id]) <= maxKey {
			add(headerNames[id], id)
		}
	}
	return t
}

func (k nameKey) lookup() headerID {
	for i := k.slot(); names[i].id != hOther; i = (i + 1) % nameSlots {
		if names[i].nameKey == k {
			return names[i].id
		}
	}
	return hOther
}

// lookupName returns the id of a field name, long or compact, in any case.
func lookupName(name string) headerID {
	if len(name) <= maxKey {
		return keyOf(name).lookup()
	}
	for _, id := range longNames {
		if equalFold(name, headerNames[id]) {
			return id
		}
	}
	return hOther
}

// longNames are the names that no nameKey holds.
var longNames = [...]headerID{
	hAuthenticationInfo, hContentDisposition, hPAssertedIdentity, hPPreferredIdentity,
	hProxyAuthenticate, hProxyAuthorization, hRequestDisposition, hSubscriptionState,
}
