// Package peers proves Strowger with phones that others wrote: baresip and SIPp call each other, and baresip the phone on
// the command line while that sleeps, through the real programs, cloud, switches and bridge, each in a network namespace
// of its own. The tests have the build tag peers and need root, Linux, and the tools that "./test tools" installs.
package peers
