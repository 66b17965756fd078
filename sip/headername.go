package sip

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

// maxName is the length of the longest name in headerNames.
const maxName = len("P-Preferred-Identity")

// shape is what names are looked up by: length and first letter. Of the names
// known, at most three share one.
type shape [3]headerID

// nameShapes is headerNames by shape.
var nameShapes = indexNames()

func indexNames() (t [maxName + 1][26]shape) {
	for letter, id := range compactNames {
		t[1][letter-'a'][0] = id
	}
	for id := hOther + 1; id < headerIDs; id++ {
		name := headerNames[id]
		ids := &t[len(name)][lower(name[0])-'a']
		i := 0
		for ids[i] != hOther {
			i++
		}
		ids[i] = id
	}
	return t
}

// lookupName returns the id of a field name, long or compact, in any case.
func lookupName(name string) headerID {
	if name == "" || len(name) > maxName {
		return hOther
	}
	letter := lower(name[0]) - 'a'
	if letter >= 26 {
		return hOther
	}
	for _, id := range nameShapes[len(name)][letter] {
		if id != hOther && (len(name) == 1 || name == headerNames[id] || equalFold(name, headerNames[id])) {
			return id
		}
	}
	return hOther
}
