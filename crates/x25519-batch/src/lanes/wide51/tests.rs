//! Bounds. Everything here grows with its limbs, but for what a difference takes away; so what stays
//! within bounds where all limbs are at theirs, or at zero, stays so everywhere. That nothing leaves
//! its integer is checked by builds with overflow checks, in which tests run.

use super::*;
use crate::lanes::limbs::to_words;
use crate::lanes::reference::{Number, random};

/// Limbs at their bounds, at zero, or in between.
fn limbs(seed: u64, bound: u64) -> [u64; 5] {
    let mut random = random(seed).flatten();
    core::array::from_fn(|_| match (seed, random.next().unwrap()) {
        (0, _) => bound - 1,
        (1, _) => 0,
        (_, random) if random % 3 == 0 => bound - 1,
        (_, random) if random % 3 == 1 => 0,
        (_, random) => random % bound,
    })
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "overflow")]
fn overflow_is_checked() {
    use core::hint::black_box;
    black_box(black_box(u64::MAX) + black_box(1));
}

#[test]
fn arithmetic_at_the_bounds() {
    let value = |limbs: &[u64; 5]| Number::from_limbs(limbs, &[0, 51, 102, 153, 204]);
    let found = |element: &Element| to_words(Wide51::to_limbs(element)).map(|word| word.0);
    let product = |product: Product| found(&Wide51::reduce(&product));
    for (seed, other) in (0..20).flat_map(|seed| (0..20).map(move |other| (seed, other))) {
        let (a, b) = (limbs(seed, ELEMENT_BOUND), limbs(other, ELEMENT_BOUND));
        let (c, d) = (limbs(seed, PRODUCT_BOUND), limbs(other, PRODUCT_BOUND));
        let [va, vb, vc, vd] = [&a, &b, &c, &d].map(value);
        let (ea, eb) = (Element::new(a), Element::new(b));
        let (pc, pd) = (Product::new(c), Product::new(d));
        assert_eq!(product(Wide51::multiply(&ea, &eb)), (va * vb).words());
        assert_eq!(product(Wide51::square(&ea)), (va * va).words());
        assert_eq!(product(pc), vc.words());
        assert_eq!(found(&ea), va.words());
        assert_eq!(found(&Wide51::sum(&pc, &pd)), (vc + vd).words());
        assert_eq!(found(&Wide51::difference(&pc, &pd)), (vc - vd).words());
        let factor = Number::new([121_665, 0, 0, 0]);
        assert_eq!(found(&Wide51::add_121665_times(&pc, &ea)), (vc + factor * va).words());
        for (mask, wanted) in [(Integer(0), &eb), (Integer(u64::MAX), &ea)] {
            assert_eq!(Wide51::select(mask, &ea, &eb).0, wanted.0);
        }
    }
}

#[test]
fn limbs_that_come_out_are_below_two_to_the_52() {
    let Element(limbs) = Element::new([ELEMENT_BOUND - 1; 5]);
    for limb in Wide51::to_limbs(&Element(limbs)) {
        assert!(limb.0 < 1 << 52);
    }
}

#[test]
fn what_is_looked_up_is_what_stands_there() {
    let entries: [[u64; 5]; 8] =
        core::array::from_fn(|entry| core::array::from_fn(|limb| 100 * entry as u64 + limb as u64));
    let rows = Wide51::rows(Plain, &entries);
    let words = |limbs: &[u64; 5]| Number::from_limbs(limbs, &[0, 51, 102, 153, 204]);
    let found = |element: &Element| to_words(Wide51::to_limbs(element)).map(|word| word.0);
    for (place, entry) in (0..).zip(&entries) {
        assert_eq!(Wide51::look_up(Integer(place), &rows).0, *entry);
        let signed = |mask| Wide51::look_up_signed(Integer(place), Integer(mask), &rows);
        assert_eq!(signed(0).0, *entry);
        let negated = (Number::new([0; 4]) - words(entry)).words();
        assert_eq!(found(&signed(u64::MAX)), negated);
    }
}
