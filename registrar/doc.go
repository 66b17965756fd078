// Package registrar is a SIP registrar: it answers REGISTER, keeps bindings of
// contacts to addresses-of-record in a Store, and tells a proxy where an
// address-of-record can be reached.
//
// Covered: RFC 3261 section 10.3 whole, with the rules it takes from 8.2.2
// (Require), 10.2.1 to 10.2.3 and 19.1.4 (contact equality); header parameters
// of a Contact that mean nothing here, +sip.instance and the like, are kept as
// they came. A registration over a connection is reached over it, when the
// Contact names the connection's own address.
//
// Not covered: Path (RFC 3327), Service-Route (RFC 3608), outbound and reg-id
// (RFC 5626), GRUU (RFC 5627), the registration event package (RFC 3680),
// third-party registration (it is refused with 403), redirection of REGISTER,
// forwarding it to the domain that it is for (10.3 step 1: it is answered 404).
// A body is ignored, whatever its type (8.2.3): phones send some of their own.
//
// A Registrar authenticates nobody by itself: put transaction.Authenticate in
// front of it. Without, the From address is taken for the identity, as section
// 10.3 step 3 allows.
package registrar
