// Package stir signs who calls whom, and verifies it: the PASSporT (RFC 8225) with the claims of SHAKEN (RFC 8588), the
// Identity header that carries it (RFC 8224), and the certificates behind it (RFC 8226).
//
// # On the wire
//
//	Identity: HEADER.CLAIMS.SIGNATURE;info=<https://cert.example.org/a.pem>;alg=ES256;ppt=shaken
//	Identity: ..SIGNATURE;info=<https://cert.example.org/a.pem>                       (compact; "y" is the header's short name)
//
//	header  alg     "ES256": ECDSA on P-256 with SHA-256, and no other
//	        ppt     "shaken", or none
//	        typ     "passport"
//	        x5u     https URL of the certificate, with those between it and the root behind it: PEM or DER
//	claims  attest  "A", "B" or "C" (shaken only)
//	        dest    {"tn":["12155550131"]} or {"uri":["sip:alice@example.com"]}, or both
//	        iat     Unix seconds
//	        orig    {"tn":"12155550121"} or {"uri":"sip:bob@example.com"}
//	        origid  a UUID: where the call came into the network (shaken only)
//
// Both are JSON in the canonical form: keys in the order of their names, no white space (RFC 8225, 9). In the compact form the
// verifier rebuilds both from info, From, To and Date; SHAKEN has none, since attest and origid stand nowhere else. A signed
// number is its digits with the country code, without "+" (RFC 8224, 8.3). What else stands in header or claims is not read; a
// critical header that is not understood makes the whole invalid.
//
// # Signing
//
// A Signer has a key, its certificate and the URL where others find that. It signs SHAKEN in full form only. What it attests is
// decided by Attestation: A for a number that is known to be the caller's, B for a known caller with another number, C for a
// call that only passes through. A number that the certificate does not cover is not signed.
//
// # Verifying
//
// A Verifier takes what an INVITE says, and returns a Verdict. It looks, in this order, at
//
//	the form, algorithm and extension     malformed, unsupported
//	iat, 60 s around now at most          stale
//	who calls and who is called           wrong-caller, wrong-callee
//	the certificate                       no-certificate
//	its chain to a configured root        untrusted
//	its numbers, and those of its CAs     not-covered
//	the signature                         bad-signature
//	signatures of the last two minutes    replayed, or congested if these are too many
//
// A header with an extension that is not known is none (RFC 8224, 6.2, step 1). Of several headers one that verifies is
// enough; else the verdict is that of the first.
//
// A strict verifier refuses the call with Verdict.Response (RFC 8224, 6.2.2). A lenient one lets it go on, keeps the verdict
// in the record, and tells the callee's phone by Verdict.Verstat.
//
// # Certificates
//
// x5u is a URL that a stranger chose: whoever fetched it could be sent anywhere. A Verifier has Certificates: a Folder, which
// looks into files only, a Fetch, which asks no host but those that are configured, or Sources of both. A certificate must
// have the right to sign, and a TNAuthList: with a service provider's code it may speak for any number, else for those that it
// lists. Each authority between it and the root that has a list must cover the number too. Constraints on claims (RFC 8226, 8;
// RFC 9118) are not evaluated: a certificate that has them is not trusted.
//
// # Limits
//
//	an Identity header         8 KiB, 4 of a request
//	dest                       16 names
//	a URL                      512 bytes
//	a certificate's file       64 KiB, 8 certificates
//	a Fetch                    3 s, 4 at once, 256 URLs remembered: an hour if it worked, 30 s if not
//	signatures remembered      32,768 in two minutes
//
// # Extending it
//
// Another ppt needs its claims in PASSporT, and a line in readable. Codes of a Verdict are append-only: records keep them.
//
// Capability 1 (2026-11).
package stir
