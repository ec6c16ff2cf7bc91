//! Bounds, proved by intervals.

use super::*;
use crate::lanes::interval::{Interval, Intervals};
use crate::lanes::limbs::to_words;
use crate::lanes::model::Model;
use crate::lanes::reference::{Number, random};

type Bounds = Fused51<Intervals>;

#[test]
fn bounds() {
    let element = Element([Interval::below(ELEMENT_BOUND); 5]);
    let product = Product([Interval::below(PRODUCT_BOUND); 5]);
    let limbs = [Interval::below(1 << 51); 5];
    let rows = Bounds::rows(
        Intervals,
        &[[0; 5], [MASK_51; 5], [0; 5], [0; 5], [0; 5], [0; 5], [0; 5], [0; 5]],
    );
    let products = [
        ("from_limbs", Bounds::from_limbs(&limbs)),
        ("multiply", Bounds::multiply(&element, &element)),
        ("square", Bounds::square(&element)),
    ];
    for (name, Product(limbs)) in products {
        assert!(limbs.iter().all(|limb| limb.high < PRODUCT_BOUND), "{name}: {limbs:?}");
    }
    let elements = [
        ("sum", Bounds::sum(&product, &product)),
        ("difference", Bounds::difference(&product, &product)),
        ("reduce", Bounds::reduce(&product)),
        ("add_121665_times", Bounds::add_121665_times(&product, &element)),
        ("select", Bounds::select((), &element, &element)),
        ("look_up", Bounds::look_up(limbs[0], &rows)),
        ("look_up_signed", Bounds::look_up_signed(limbs[0], (), &rows)),
    ];
    for (name, Element(limbs)) in elements {
        assert!(limbs.iter().all(|limb| limb.high < ELEMENT_BOUND), "{name}: {limbs:?}");
    }
    let limbs = Bounds::to_limbs(&element);
    assert!(limbs.iter().all(|limb| limb.high < 1 << 52), "{limbs:?}");
}

/// Limbs at their bounds, at zero, or in between.
fn limbs(seed: u64, bound: impl Fn(usize) -> u64) -> [u64; 5] {
    let mut random = random(seed).flatten();
    core::array::from_fn(|i| match (seed, random.next().unwrap()) {
        (0, _) => bound(i) - 1,
        (_, random) if random % 3 == 0 => bound(i) - 1,
        (_, random) if random % 3 == 1 => 0,
        (_, random) => random % bound(i),
    })
}

/// Values of the field come from products, which are never at their bounds everywhere. Here they
/// are.
#[test]
fn arithmetic_at_the_bounds() {
    type Plain = Fused51<Model<1>>;
    let value = |limbs: [u64; 5]| Number::from_limbs(&limbs, &[0, 51, 102, 153, 204]);
    let word = |limbs: [u64; 5]| limbs.map(|limb| Model::<1>.word(|_| limb));
    let found = |element: &<Plain as Field>::Element| {
        to_words(Plain::to_limbs(element)).map(|word| word.lanes()[0])
    };
    for seed in 0..200 {
        let (a, b) = (limbs(seed, |_| ELEMENT_BOUND), limbs(2 * seed, |_| ELEMENT_BOUND));
        let (c, d) = (limbs(3 * seed, |_| PRODUCT_BOUND), limbs(4 * seed, |_| PRODUCT_BOUND));
        let [va, vb, vc, vd] = [a, b, c, d].map(value);
        let [ea, eb] = [a, b].map(|limbs| Element::new(word(limbs)));
        let [pc, pd] = [c, d].map(|limbs| Product::new(word(limbs)));
        let product = |product: Product<_>| found(&Plain::reduce(&product));
        assert_eq!(product(Plain::multiply(&ea, &eb)), (va * vb).words());
        assert_eq!(product(Plain::square(&ea)), (va * va).words());
        assert_eq!(product(pc), vc.words());
        assert_eq!(found(&ea), va.words());
        assert_eq!(found(&Plain::sum(&pc, &pd)), (vc + vd).words());
        assert_eq!(found(&Plain::difference(&pc, &pd)), (vc - vd).words());
        let factor = Number::new([121_665, 0, 0, 0]);
        assert_eq!(found(&Plain::add_121665_times(&pc, &ea)), (vc + factor * va).words());
    }
}
