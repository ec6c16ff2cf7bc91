//! Bounds, proved by intervals.

use super::*;
use crate::lanes::interval::{Interval, Intervals};
use crate::lanes::limbs::to_words;
use crate::lanes::model::Model;
use crate::lanes::reference::{Number, random};

type Bounds = Field25<Intervals>;

fn all_below([even, odd]: [u64; 2]) -> [Interval; 10] {
    core::array::from_fn(|i| Interval::below(if i % 2 == 0 { even } else { odd }))
}

#[test]
fn bounds() {
    let element = Element(all_below(ELEMENT_BOUNDS));
    let product = Product(all_below(PRODUCT_BOUNDS));
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
        assert!(within(&limbs, PRODUCT_BOUNDS), "{name}: {limbs:?}");
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
        assert!(within(&limbs, ELEMENT_BOUNDS), "{name}: {limbs:?}");
    }
    let limbs = Bounds::to_limbs(&element);
    assert!(limbs.iter().all(|limb| limb.high < 1 << 52), "{limbs:?}");
}

/// Limbs at their bounds, at zero, or in between.
fn limbs(seed: u64, bound: impl Fn(usize) -> u64) -> [u64; 10] {
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
    type Plain = Field25<Model<1>>;
    let value = |limbs: [u64; 10]| {
        Number::from_limbs(&limbs, &[0, 26, 51, 77, 102, 128, 153, 179, 204, 230])
    };
    let word = |limbs: [u64; 10]| limbs.map(|limb| Model::<1>.word(|_| limb));
    let found = |element: &<Plain as Field>::Element| {
        to_words(Plain::to_limbs(element)).map(|word| word.lanes()[0])
    };
    for seed in 0..200 {
        let (a, b) =
            (limbs(seed, |i| ELEMENT_BOUNDS[i % 2]), limbs(2 * seed, |i| ELEMENT_BOUNDS[i % 2]));
        let (c, d) = (
            limbs(3 * seed, |i| PRODUCT_BOUNDS[i % 2]),
            limbs(4 * seed, |i| PRODUCT_BOUNDS[i % 2]),
        );
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
