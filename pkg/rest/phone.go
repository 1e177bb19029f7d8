package rest

// PhoneSecurity is how a desk phone shows who it is, and how its audio is encrypted. No other device has any of it.
type PhoneSecurity struct {
	// SRTP says whether its audio is encrypted: required, or else there is no call; preferred, where the phone can; or off.
	SRTP string `json:"srtp,omitempty" enum:"required,preferred,off"`
	// Certificate is the name in the client certificate that the phone shows over TLS (a host name, "sip:user@host", or the common name
	// that its maker gave it, often the MAC address), unique in the organization. Its switch knows the makers' CAs (--phone-ca).
	Certificate string `json:"certificate,omitempty" maxLength:"200"`
	// SignIn, with a certificate, says what the phone has to show: either (the default), the certificate, or both it and the password.
	SignIn string `json:"sign_in,omitempty" enum:"either,certificate,both"`
}
