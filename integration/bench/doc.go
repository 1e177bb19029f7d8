// Command bench measures Strowger beside Kamailio, rtpengine and Janus on one machine: the real programs, the same load, in one
// run.
//
//	go run ./integration/bench                        # everything; wants Linux, kamailio and rtpengine
//	go run ./integration/bench --quick                # a look that it works; its figures mean little
//	go run ./integration/bench register call          # these parts only
//	go run ./integration/bench --profile DIR call     # and where our programs spend their time
//
// The figure is CPU time for a unit of work, from the kernel's account of every thread of the server's processes. It is
// steadier than a rate where others use the machine too, and it is what a machine must be bought for. Servers are on core 0
// and the load on core 1; for root, both are in a network namespace of their own. The load is the same messages at the same
// rate for each server, written here without a SIP stack, and it sends nothing again: what is lost, and what a server had
// to send again, is counted, and a figure with losses is marked.
//
// A unit of registration is REGISTER, 401, REGISTER with the digest, 200. A unit of calls is INVITE, 401 or 407, ACK,
// INVITE with the digest, 180, 200, ACK, BYE and 200, and the callee's side of it. Kamailio is registrar and stateful,
// record-routing proxy. A switch does more for a call: it is a party to both halves (RFC 3261, 6: back-to-back user
// agent), opens the ports of the audio, and tells the directory what became of the call. A call to a phone company is the same with
// a company for a callee; a switch judges and notes what it costs besides, and here its guards let everything pass.
package main
