package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "sigs.k8s.io/karpenter/pkg/apis/v1"
	"sigs.k8s.io/karpenter/pkg/cloudprovider"
	"sigs.k8s.io/karpenter/pkg/scheduling"
)

// How long a real provider leaves a pool alone after it refused: 3 minutes at AWS and Alibaba Cloud.
const refusalLasts = 3 * time.Minute

// Where a test says which pools have no capacity: one "type zone capacity-type" a line.
var soldOut = types.NamespacedName{Namespace: "kube-system", Name: "market"}

const soldOutKey = "sold-out"

// A pool is what is bought from: one instance type in one zone, spot or on demand.
type pool struct{ instanceType, zone, capacityType string }

// market is what the kwok provider lacks of a cloud. kwok buys by list price and never refuses.
// A market buys by the price that Karpenter sees, NodeOverlays applied, as the Azure provider does;
// it refuses pools that are sold out, and Karpenter then avoids them for a while.
type market struct {
	cloudprovider.CloudProvider
	// The provider with overlaid prices, which stands in front of this one.
	priced cloudprovider.CloudProvider
	reader client.Reader
	clock  clock.Clock

	lock    sync.Mutex
	refused map[pool]time.Time
}

func newMarket(inner cloudprovider.CloudProvider, reader client.Reader, clock clock.Clock) *market {
	return &market{CloudProvider: inner, reader: reader, clock: clock, refused: map[pool]time.Time{}}
}

// GetInstanceTypes marks what was refused lately as not available.
func (m *market) GetInstanceTypes(ctx context.Context, nodePool *v1.NodePool) ([]*cloudprovider.InstanceType, error) {
	found, err := m.CloudProvider.GetInstanceTypes(ctx, nodePool)
	if err != nil {
		return nil, err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	marked := make([]*cloudprovider.InstanceType, 0, len(found))
	for _, one := range found {
		offerings := make(cloudprovider.Offerings, 0, len(one.Offerings))
		for _, offering := range one.Offerings {
			until, isRefused := m.refused[poolOf(one, offering)]
			offerings = append(offerings, &cloudprovider.Offering{
				Requirements: offering.Requirements,
				Price:        offering.Price,
				Available:    !isRefused || m.clock.Now().After(until),
			})
		}
		marked = append(marked, &cloudprovider.InstanceType{
			Name:         one.Name,
			Requirements: completed(one),
			Offerings:    offerings,
			Capacity:     one.Capacity,
			Overhead:     one.Overhead,
		})
	}
	return marked, nil
}

// Create buys in the cheapest pool that the claim allows and that has capacity.
func (m *market) Create(ctx context.Context, claim *v1.NodeClaim) (*v1.NodeClaim, error) {
	choice, err := m.choice(ctx, claim)
	if err != nil {
		return nil, err
	}
	gone, err := m.soldOut(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range choice {
		if !gone[one] {
			return m.CloudProvider.Create(ctx, narrowed(claim, one))
		}
		m.refuse(one)
	}
	return nil, cloudprovider.NewInsufficientCapacityError(fmt.Errorf("none of %d pools has capacity", len(choice)))
}

// choice gives the pools that the claim allows, cheapest first.
func (m *market) choice(ctx context.Context, claim *v1.NodeClaim) ([]pool, error) {
	provider := m.priced
	nodePool := &v1.NodePool{}
	nodePool.Name = claim.Labels[v1.NodePoolLabelKey]
	if nodePool.Name == "" {
		// A claim outside any NodePool is never overlaid.
		provider = m
	}
	found, err := provider.GetInstanceTypes(ctx, nodePool)
	if err != nil {
		return nil, err
	}
	wanted := scheduling.NewNodeSelectorRequirementsWithMinValues(claim.Spec.Requirements...)
	var pools []pool
	price := map[pool]float64{}
	for _, one := range found {
		if !wanted.Get(corev1.LabelInstanceTypeStable).Has(one.Name) {
			continue
		}
		for _, offering := range one.Offerings.Available().Compatible(wanted) {
			here := poolOf(one, offering)
			pools = append(pools, here)
			price[here] = offering.Price
		}
	}
	sort.SliceStable(pools, func(i, j int) bool { return price[pools[i]] < price[pools[j]] })
	return pools, nil
}

func (m *market) soldOut(ctx context.Context) (map[pool]bool, error) {
	list := &corev1.ConfigMap{}
	if err := m.reader.Get(ctx, soldOut, list); client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	gone := map[pool]bool{}
	for _, line := range strings.Split(list.Data[soldOutKey], "\n") {
		if words := strings.Fields(line); len(words) == 3 {
			gone[pool{words[0], words[1], words[2]}] = true
		}
	}
	return gone, nil
}

func (m *market) refuse(one pool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.refused[one] = m.clock.Now().Add(refusalLasts)
}

// completed adds to the type's own requirements what only its offerings say, such as AWS' zone ids:
// a cloud's provider has them on both, and NodeOverlays look at the type first.
func completed(one *cloudprovider.InstanceType) scheduling.Requirements {
	values := map[string]sets.Set[string]{}
	for _, offering := range one.Offerings {
		for _, requirement := range offering.Requirements {
			if _, found := values[requirement.Key]; !found {
				values[requirement.Key] = sets.New[string]()
			}
			values[requirement.Key].Insert(requirement.Values()...)
		}
	}
	all := scheduling.NewRequirements(one.Requirements.Values()...)
	for key, found := range values {
		if !all.Has(key) {
			all.Add(scheduling.NewRequirement(key, corev1.NodeSelectorOpIn, found.UnsortedList()...))
		}
	}
	return all
}

func poolOf(instanceType *cloudprovider.InstanceType, offering *cloudprovider.Offering) pool {
	return pool{
		instanceType.Name,
		offering.Requirements.Get(corev1.LabelTopologyZone).Any(),
		offering.Requirements.Get(v1.CapacityTypeLabelKey).Any(),
	}
}

// narrowed leaves the claim nothing to choose.
func narrowed(claim *v1.NodeClaim, to pool) *v1.NodeClaim {
	exact := map[string]string{
		corev1.LabelInstanceTypeStable: to.instanceType,
		corev1.LabelTopologyZone:       to.zone,
		v1.CapacityTypeLabelKey:        to.capacityType,
	}
	copied := claim.DeepCopy()
	copied.Spec.Requirements = nil
	for _, one := range claim.Spec.Requirements {
		if _, isExact := exact[one.Key]; !isExact {
			copied.Spec.Requirements = append(copied.Spec.Requirements, one)
		}
	}
	for key, value := range exact {
		copied.Spec.Requirements = append(copied.Spec.Requirements, v1.NodeSelectorRequirementWithMinValues{
			Key: key, Operator: corev1.NodeSelectorOpIn, Values: []string{value},
		})
	}
	return copied
}
