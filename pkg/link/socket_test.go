package link

import (
	"net"
	"os"
	"syscall"
	"testing"
)

func TestErrorsOfTheMomentArePacketLoss(t *testing.T) {
	for e, want := range map[error]bool{
		syscall.EPERM: true, syscall.ENETUNREACH: true, syscall.ENOBUFS: true, syscall.EINVAL: true,
		syscall.EMSGSIZE: false, syscall.EIO: false, syscall.EBADF: false, net.ErrClosed: false, nil: false,
	} {
		err := e
		if e != nil {
			err = &net.OpError{Op: "write", Net: "udp", Err: os.NewSyscallError("sendmsg", e)}
		}
		if passes(err) != want {
			t.Errorf("%v counts as loss: %t, want %t", err, !want, want)
		}
	}
}

func TestUnreachableIsNoError(t *testing.T) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// A socket that is bound to loopback cannot send elsewhere (EINVAL or ENETUNREACH, by kernel): the error, if it is one
	// of the moment, must not come through.
	to := &net.UDPAddr{IP: net.IPv4(255, 255, 255, 255), Port: 9} // broadcast is not permitted: EACCES
	if _, err := c.WriteTo([]byte("x"), to); !passes(err) {
		t.Skipf("this system lets a broadcast out, or refuses it otherwise: %v", err)
	}
	if n, err := newLossy(c).WriteTo([]byte("x"), to); n != 1 || err != nil {
		t.Errorf("sent %d, %v", n, err)
	}
	if n, _, err := newLossy(c).WriteMsgUDP([]byte("xy"), nil, to); n != 2 || err != nil {
		t.Errorf("sent %d, %v", n, err)
	}
}
