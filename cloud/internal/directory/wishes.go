package directory

// UserAt is whose a phone is that lives at a switch: they may change what they wish by it, even if they may call nobody.
func (s *Snapshot) UserAt(sw, device string) (id string, err error) {
	u, err := s.caller(sw, device)
	if err != nil && (u == nil || u.calling != callsNobody || !u.enabled || !u.device(device).enabled || !s.organization.Enabled) {
		return "", err
	}
	return u.id, nil
}
