//! The field and the curve in every vector unit that is there, and in the models, against slow
//! arithmetic.

use alloc::vec;
use alloc::vec::Vec;

use super::comb::Comb;
use super::doubles51::Doubles51;
use super::edwards::Point;
use super::field::{self, Field};
use super::field51::Field51;
use super::integers51::Integers51;
use super::model::Model;
use super::reference::{Number, edges, random};
use super::word::{Backend, Word};
use super::{fraction, ladder, limbs, scalar};

/// Runs a generic test with both fields, in models and in what this processor has.
macro_rules! in_every_unit {
    ($($test:ident),*) => {$(
        #[test]
        fn $test() {
            generic::$test::<Field51<Integers51<Model<8>>>>(Model);
            generic::$test::<Field51<Doubles51<Model<4>>>>(Model);
            // One lane shows that nothing counts on there being more.
            generic::$test::<Field51<Integers51<Model<1>>>>(Model);
            #[cfg(target_arch = "x86_64")]
            {
                if let Some(avx2) = super::avx2::Avx2::detect() {
                    generic::$test::<Field51<Doubles51<_>>>(avx2);
                }
                if let Some(ifma) = super::ifma::Ifma::detect() {
                    generic::$test::<Field51<Integers51<_>>>(ifma);
                }
            }
        }
    )*};
}

in_every_unit!(
    operations,
    reading_and_writing,
    zeros,
    inverses,
    many_inverses,
    roots,
    tables,
    lifting,
    combs_and_ladders,
    scalars
);

/// A different number in each lane.
fn load<F: Field>(backend: F::Backend, numbers: &[[u64; 4]]) -> F::Product {
    let words = [0, 1, 2, 3].map(|word| backend.word(|lane| numbers[lane % numbers.len()][word]));
    F::from_limbs(&limbs::from_words(words))
}

/// What the lanes hold, below p.
fn store<F: Field>(element: &F::Element) -> Vec<Number> {
    let words = limbs::to_words(F::to_limbs(element));
    (0..F::Word::LANES).map(|lane| Number::new(words.map(|word| word.lane(lane)))).collect()
}

/// Numbers for as many lanes as there are, edges first.
fn numbers(lanes: usize, seed: u64, random_count: usize) -> Vec<Vec<[u64; 4]>> {
    let all: Vec<_> = edges().into_iter().chain(random(seed).take(random_count)).collect();
    all.chunks(lanes).map(|chunk| (0..lanes).map(|i| chunk[i % chunk.len()]).collect()).collect()
}

fn reference(numbers: &[[u64; 4]]) -> Vec<Number> {
    numbers.iter().map(|&number| Number::new(number)).collect()
}

mod generic {
    use super::*;

    pub(super) fn operations<F: Field>(backend: F::Backend) {
        let lanes = F::Word::LANES;
        let factor = Number::new([121_665, 0, 0, 0]);
        let all = numbers(lanes, 1, 40);
        for (i, a) in all.iter().enumerate() {
            for b in all.iter().skip(i % 3).step_by(3) {
                let (left, right) = (reference(a), reference(b));
                let check =
                    |name: &str, found: &F::Element, wanted: &dyn Fn(Number, Number) -> Number| {
                        let wanted: Vec<_> =
                            left.iter().zip(&right).map(|(&a, &b)| wanted(a, b)).collect();
                        assert_eq!(store::<F>(found), wanted, "{name} of {a:?} and {b:?}");
                    };
                let (pa, pb) = (load::<F>(backend, a), load::<F>(backend, b));
                let (a, b) = (F::reduce(&pa), F::reduce(&pb));
                let (sum, difference) = (F::sum(&pa, &pb), F::difference(&pa, &pb));
                check("product", &F::reduce(&F::multiply(&a, &b)), &|a, b| a * b);
                check("square", &F::reduce(&F::square(&a)), &|a, _| a * a);
                check("sum", &sum, &|a, b| a + b);
                check("difference", &difference, &|a, b| a - b);
                check("multiple", &F::add_121665_times(&pa, &b), &|a, b| a + factor * b);
                // The largest elements that there are come of sums and differences.
                let product = F::multiply(&sum, &difference);
                check("product of sums", &F::reduce(&product), &|a, b| a * a - b * b);
                let square = F::square(&difference);
                check("square of a difference", &F::reduce(&square), &|a, b| (a - b) * (a - b));
                check("sum of products", &F::sum(&product, &square), &|a, b| {
                    let twice = a - b + (a - b);
                    a * twice
                });
            }
        }
    }

    pub(super) fn reading_and_writing<F: Field>(backend: F::Backend) {
        for numbers in numbers(F::Word::LANES, 2, 200) {
            let product = load::<F>(backend, &numbers);
            let words = limbs::to_words(F::to_limbs(&F::reduce(&product)));
            for (lane, &number) in numbers.iter().enumerate() {
                // Number::new reduces, so this also says that what is written is below p.
                let written = words.map(|word| word.lane(lane));
                assert_eq!(written, Number::new(number).words());
            }
        }
        // Bit 255 is ignored.
        let product = load::<F>(backend, &[[5, 0, 0, 1 << 63]]);
        assert!(store::<F>(&F::reduce(&product)).iter().all(|n| n.words() == [5, 0, 0, 0]));
    }

    pub(super) fn zeros<F: Field>(backend: F::Backend) {
        for numbers in numbers(F::Word::LANES, 3, 40) {
            let a = load::<F>(backend, &numbers);
            let one = backend.word(|_| 1);
            let zero = one.splat(0);
            let seen = |a: &F::Element| {
                let mask = limbs::is_zero(F::to_limbs(a));
                let shown = F::Word::select(mask, one, zero);
                (0..F::Word::LANES).map(|lane| shown.lane(lane) == 1).collect::<Vec<_>>()
            };
            let wanted: Vec<_> =
                reference(&numbers).into_iter().map(|number| number == Number::ZERO).collect();
            assert_eq!(seen(&F::reduce(&a)), wanted, "{numbers:?}");
            // Zero in another form: a multiple of p.
            assert!(seen(&F::difference(&a, &a)).into_iter().all(|zero| zero));
        }
    }

    pub(super) fn inverses<F: Field>(backend: F::Backend) {
        for numbers in numbers(F::Word::LANES, 4, 8).into_iter().step_by(3) {
            let a = F::reduce(&load::<F>(backend, &numbers));
            let wanted: Vec<_> = reference(&numbers).into_iter().map(Number::inverse).collect();
            assert_eq!(store::<F>(&field::inverse::<F>(backend, &a)), wanted);
        }
    }

    pub(super) fn many_inverses<F: Field>(backend: F::Backend) {
        // Zeros first, last, alone in a lane, and in all lanes.
        let mut rows: Vec<Vec<[u64; 4]>> =
            (0..7).map(|row| random(row).take(F::Word::LANES).collect()).collect();
        rows[0][0] = [0; 4];
        rows[3] = vec![[0; 4]; F::Word::LANES];
        rows[6][F::Word::LANES - 1] = super::super::reference::P;
        let mut elements: Vec<_> =
            rows.iter().map(|row| F::reduce(&load::<F>(backend, row))).collect();
        let mut room = elements.clone();
        fraction::invert_all::<F>(backend, &mut elements, &mut room);
        for (element, row) in elements.iter().zip(&rows) {
            let wanted: Vec<_> = reference(row).into_iter().map(Number::inverse).collect();
            assert_eq!(store::<F>(element), wanted);
        }
    }

    pub(super) fn roots<F: Field>(backend: F::Backend) {
        // (p − 5) / 8 = 2^252 − 3
        let exponent = [u64::MAX - 2, u64::MAX, u64::MAX, (1 << 60) - 1];
        let numbers: Vec<_> = random(5).take(F::Word::LANES).collect();
        let a = F::reduce(&load::<F>(backend, &numbers));
        let wanted: Vec<_> =
            reference(&numbers).into_iter().map(|number| number.power(exponent)).collect();
        assert_eq!(store::<F>(&field::root_power::<F>(backend, &a)), wanted);
    }

    pub(super) fn tables<F: Field>(backend: F::Backend) {
        let numbers: Vec<_> = edges().into_iter().skip(17).step_by(5).take(8).collect();
        let entries: Vec<_> = reference(&numbers);
        let limbs: [[u64; 5]; 8] = core::array::from_fn(|i| entries[i].limbs());
        let rows = F::rows(backend, &limbs);
        for first in 0..8 {
            let place = |lane: usize| (lane + first) % 8;
            let places = backend.word(|lane| place(lane) as u64);
            let wanted: Vec<_> = (0..F::Word::LANES).map(|lane| entries[place(lane)]).collect();
            assert_eq!(store::<F>(&F::look_up(places, &rows)), wanted);
            // Every other lane negated.
            let negative = backend.word(|lane| (lane % 2) as u64).is_zero();
            let wanted: Vec<_> = wanted
                .into_iter()
                .enumerate()
                .map(|(lane, number)| if lane % 2 == 0 { Number::ZERO - number } else { number })
                .collect();
            assert_eq!(store::<F>(&F::look_up_signed(places, negative, &rows)), wanted);
        }
    }

    pub(super) fn lifting<F: Field>(backend: F::Backend) {
        let lift = |u: [u64; 4]| Point::<F>::from_u(&load::<F>(backend, &[u]), backend);
        let numbers = edges().into_iter().chain(random(6).take(30)).step_by(2);
        let (mut on_curve, mut on_twist) = (0, 0);
        for u in numbers {
            let number = Number::new(u);
            // u is on the curve if u³ + 486662·u² + u is a square, and on the twist if not.
            let a = Number::new([486_662, 0, 0, 0]);
            let v_squared = number * (number * number + a * number + Number::ONE);
            // (p − 1) / 2
            let half = [u64::MAX - 9, u64::MAX, u64::MAX, (1 << 62) - 1];
            let is_square = v_squared.power(half) != Number::ZERO - Number::ONE;
            let Some(point) = lift(u) else {
                assert!(!is_square, "{u:?} is on the curve");
                on_twist += 1;
                continue;
            };
            assert!(is_square, "{u:?} is on the twist");
            on_curve += 1;
            let [x, y, t] = [point.x, point.y, point.t].map(|c| store::<F>(&F::reduce(&c))[0]);
            assert_eq!(x * y, t);
            assert_eq!((Number::ONE - y) * number, Number::ONE + y);
            // −x² + y² = 1 + d·x²·y², with d = −121665/121666
            let d = (Number::ZERO - Number::new([121_665, 0, 0, 0]))
                * Number::new([121_666, 0, 0, 0]).inverse();
            assert_eq!(y * y - x * x, Number::ONE + d * t * t);
        }
        assert!(on_curve > 20 && on_twist > 20, "{on_curve} on the curve, {on_twist} on the twist");
    }

    pub(super) fn combs_and_ladders<F: Field>(backend: F::Backend) {
        let quotient = |fraction: fraction::Fraction<F>| {
            let inverse = field::inverse::<F>(backend, &fraction.denominator);
            let [quotient] = field::products::<F, 1>(backend, &[fraction.numerator], &[inverse]);
            store::<F>(&quotient)
        };
        // All digits the lowest, all the highest, and whatever comes.
        let mut secrets = vec![[0; 4], [u64::MAX; 4]];
        secrets.extend(random(7).take(14));
        for u in [[9, 0, 0, 0], [0; 4], [1, 0, 0, 0], [16, 0, 0, 0]] {
            let u = u.map(|word| backend.word(|_| word));
            let comb = Comb::<F>::new(backend, u).unwrap();
            for secrets in secrets.chunks(F::Word::LANES) {
                let scalars = [0, 1, 2, 3]
                    .map(|word| backend.word(|lane| secrets[lane % secrets.len()][word]));
                let by_ladder = quotient(ladder::multiply::<F>(backend, scalars, u));
                assert_eq!(quotient(comb.multiply(backend, scalars)), by_ladder);
            }
        }
    }

    pub(super) fn scalars<F: Field>(backend: F::Backend) {
        for numbers in numbers(F::Word::LANES, 8, 40) {
            let words = [0, 1, 2, 3].map(|word| backend.word(|lane| numbers[lane][word]));
            let clamped = scalar::clamp(words);
            let (eighth, changes) = (scalar::eighth(clamped), scalar::changes(clamped));
            for (lane, number) in numbers.iter().enumerate() {
                let [a, b, c, d] = *number;
                let wanted = [a & !7, b, c, d & (u64::MAX >> 2) | 1 << 62];
                assert_eq!(clamped.map(|word| word.lane(lane)), wanted);
                let bit = |i: usize| wanted.get(i / 64).map_or(0, |word| word >> (i % 64) & 1);
                for i in 0..256 {
                    let found = |words: [F::Word; 4]| words[i / 64].lane(lane) >> (i % 64) & 1;
                    assert_eq!(found(eighth), bit(i + 3), "bit {i} of an eighth");
                    assert_eq!(found(changes), bit(i) ^ bit(i + 1), "change {i}");
                }
            }
        }
    }
}
