//go:build ignore

package main

import (
	"fmt"
	"net"
)

func main() {
	ip, network, err := net.ParseCIDR("192.168.1.7/24")
	fmt.Println(ip, network, err)
	fmt.Println(network.Contains(net.ParseIP("192.168.2.1")))
}

// Output:
// 192.168.1.7 192.168.1.0/24 <nil>
// false
