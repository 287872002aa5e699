// One program for the parts of a Kubernetes control plane: the first word says which one to run.
//
// The published modules are linked as they are. They are one program and not four because linking
// is what takes the time, and most of the code is common to all of them.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

var parts = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllers.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
}

func main() {
	if len(os.Args) < 2 {
		refuse("no part was named")
	}
	name := os.Args[1]
	if name == "etcd" {
		// etcd reads the arguments itself, with the program's name in front.
		etcdmain.Main(os.Args[1:])
		return
	}
	make, known := parts[name]
	if !known {
		refuse(fmt.Sprintf("%q is no part", name))
	}
	command := make()
	command.SetArgs(os.Args[2:])
	os.Exit(cli.Run(command))
}

func refuse(why string) {
	fmt.Fprintln(os.Stderr, why+": give etcd, kube-apiserver, kube-controller-manager or kube-scheduler, and its flags")
	os.Exit(2)
}
