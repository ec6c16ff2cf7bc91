//! Requests to valgrind, as its headers `valgrind.h` and `memcheck.h` define them.
//!
//! A request is a sequence of instructions that does nothing on a processor, and that valgrind
//! recognises.
#![allow(unsafe_code, reason = "a request is made of instructions")]

/// In `valgrind.h`.
const RUNNING_ON_VALGRIND: usize = 0x1001;
const COUNT_ERRORS: usize = 0x1201;
/// In `memcheck.h`: the tool's letters, then the number of the request.
const MEMCHECK: usize = (b'M' as usize) << 24 | (b'C' as usize) << 16;
const MAKE_MEM_UNDEFINED: usize = MEMCHECK + 1;
const MAKE_MEM_DEFINED: usize = MEMCHECK + 2;
const GET_VBITS: usize = MEMCHECK + 8;

/// Whether this process runs under valgrind.
pub(crate) fn is_there() -> bool {
    request([RUNNING_ON_VALGRIND, 0, 0, 0, 0, 0]) != 0
}

/// How many errors were found since the process began.
pub(crate) fn count_errors() -> usize {
    request([COUNT_ERRORS, 0, 0, 0, 0, 0])
}

/// Marks bytes as secret: memcheck takes them for undefined.
pub(crate) fn classify(bytes: &mut [u8]) {
    request([MAKE_MEM_UNDEFINED, bytes.as_mut_ptr().addr(), bytes.len(), 0, 0, 0]);
}

/// Marks bytes as public again.
pub(crate) fn declassify(bytes: &mut [u8]) {
    request([MAKE_MEM_DEFINED, bytes.as_mut_ptr().addr(), bytes.len(), 0, 0, 0]);
}

/// Whether each of the bytes depends on what is secret, in a bit at least.
pub(crate) fn are_secret(bytes: &[u8]) -> bool {
    // A bit is set here where it is undefined there.
    let mut undefined = vec![0_u8; bytes.len()];
    let done = request([
        GET_VBITS,
        bytes.as_ptr().addr(),
        undefined.as_mut_ptr().addr(),
        bytes.len(),
        0,
        0,
    ]);
    done == 1 && undefined.iter().all(|&bits| bits != 0)
}

/// Makes a request; 0 is the answer where there is no valgrind.
#[cfg(target_arch = "x86_64")]
fn request(arguments: [usize; 6]) -> usize {
    let answer;
    // SAFETY: without valgrind nothing happens: the rotations add up to 128 bits, and a register is
    // exchanged with itself. With valgrind, what the arguments point to is alive, and is as long as
    // they say; that this block may touch memory is what the compiler assumes.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") 0_usize => answer,
        );
    }
    answer
}

/// The instructions for other processors are not written down here: there is no valgrind then.
#[cfg(not(target_arch = "x86_64"))]
fn request(_: [usize; 6]) -> usize {
    0
}
