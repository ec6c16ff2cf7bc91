//! Bounds, proved by intervals.

use super::*;
use crate::lanes::doubles51::Doubles51;
use crate::lanes::integers51::Integers51;
use crate::lanes::interval::{Interval, Intervals};
use crate::lanes::limbs::to_words;
use crate::lanes::model::Model;
use crate::lanes::reference::{Number, random};

#[test]
fn bounds() {
    bounds_of::<Integers51<Intervals>>();
    bounds_of::<Doubles51<Intervals>>();
}

fn bounds_of<R: Radix51<Backend = Intervals>>() {
    let element = Element::<R>([Interval::below(R::ELEMENT_BOUND); 5]);
    let product = Product::<R>([Interval::below(R::PRODUCT_BOUND); 5]);
    let limbs = [Interval::below(1 << 51); 5];
    let rows = Field51::<R>::rows(
        Intervals,
        &[[0; 5], [MASK_51; 5], [0; 5], [0; 5], [0; 5], [0; 5], [0; 5], [0; 5]],
    );
    let products = [
        ("from_limbs", Field51::<R>::from_limbs(&limbs)),
        ("multiply", Field51::<R>::multiply(&element, &element)),
        ("square", Field51::<R>::square(&element)),
    ];
    for (name, Product(limbs)) in products {
        assert!(limbs.iter().all(|limb| limb.high < R::PRODUCT_BOUND), "{name}: {limbs:?}");
    }
    let elements = [
        ("sum", Field51::<R>::sum(&product, &product)),
        ("difference", Field51::<R>::difference(&product, &product)),
        ("reduce", Field51::<R>::reduce(&product)),
        ("add_121665_times", Field51::<R>::add_121665_times(&product, &element)),
        ("select", Field51::<R>::select((), &element, &element)),
        ("look_up", Field51::<R>::look_up(limbs[0], &rows)),
        ("look_up_signed", Field51::<R>::look_up_signed(limbs[0], (), &rows)),
    ];
    for (name, Element(limbs)) in elements {
        assert!(limbs.iter().all(|limb| limb.high < R::ELEMENT_BOUND), "{name}: {limbs:?}");
    }
    let limbs = Field51::<R>::to_limbs(&element);
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
    arithmetic_of::<Integers51<Model<1>>>();
    arithmetic_of::<Doubles51<Model<1>>>();
}

fn arithmetic_of<R: Radix51<Backend = Model<1>>>() {
    let value = |limbs: [u64; 5]| Number::from_limbs(&limbs, &[0, 51, 102, 153, 204]);
    let word = |limbs: [u64; 5]| limbs.map(|limb| Model::<1>.word(|_| limb));
    let found = |element: &Element<R>| {
        to_words(Field51::<R>::to_limbs(element)).map(|word| word.lanes()[0])
    };
    for seed in 0..200 {
        let (a, b) = (limbs(seed, |_| R::ELEMENT_BOUND), limbs(2 * seed, |_| R::ELEMENT_BOUND));
        let (c, d) = (limbs(3 * seed, |_| R::PRODUCT_BOUND), limbs(4 * seed, |_| R::PRODUCT_BOUND));
        let [va, vb, vc, vd] = [a, b, c, d].map(value);
        let [ea, eb] = [a, b].map(|limbs| Element::<R>::new(word(limbs)));
        let [pc, pd] = [c, d].map(|limbs| Product::<R>::new(word(limbs)));
        let product = |product: Product<R>| found(&Field51::<R>::reduce(&product));
        assert_eq!(product(Field51::<R>::multiply(&ea, &eb)), (va * vb).words());
        assert_eq!(product(Field51::<R>::square(&ea)), (va * va).words());
        assert_eq!(product(pc), vc.words());
        assert_eq!(found(&ea), va.words());
        assert_eq!(found(&Field51::<R>::sum(&pc, &pd)), (vc + vd).words());
        assert_eq!(found(&Field51::<R>::difference(&pc, &pd)), (vc - vd).words());
        let factor = Number::new([121_665, 0, 0, 0]);
        assert_eq!(found(&Field51::<R>::add_121665_times(&pc, &ea)), (vc + factor * va).words());
    }
}
