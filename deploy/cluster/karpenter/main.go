// Karpenter with its kwok provider, and a market in front of it: see market.go.
package main

import (
	"os"

	kwok "sigs.k8s.io/karpenter/kwok/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/cloudprovider/overlay"
	"sigs.k8s.io/karpenter/pkg/controllers"
	"sigs.k8s.io/karpenter/pkg/controllers/state"
	"sigs.k8s.io/karpenter/pkg/operator"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

// The same wiring as sigs.k8s.io/karpenter/kwok/main.go, with the market between.
func main() {
	ctx, op := operator.NewOperator()
	types, err := kwok.ConstructInstanceTypes(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "reading the instance types")
		os.Exit(1)
	}
	shop := newMarket(kwok.NewCloudProvider(ctx, op.GetClient(), types), op.GetAPIReader(), op.Clock)
	provider := overlay.Decorate(shop, op.GetClient(), op.InstanceTypeStore)
	shop.priced = provider
	op.WithControllers(ctx, controllers.NewControllers(
		ctx,
		op.Manager,
		op.Clock,
		op.GetClient(),
		op.EventRecorder,
		provider,
		shop,
		state.NewCluster(op.Clock, op.GetClient(), provider),
		op.InstanceTypeStore,
	)...).Start(ctx)
}
