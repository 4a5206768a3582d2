use super::*;

/// Numbers and names of §6.1.2, as dfu-util 0.11 prints them (`dfu_state_to_string`, and its `dfu_status_names`).
#[test]
fn codes_are_those_of_the_specification() {
    let names = [
        "appIDLE",
        "appDETACH",
        "dfuIDLE",
        "dfuDNLOAD-SYNC",
        "dfuDNBUSY",
        "dfuDNLOAD-IDLE",
        "dfuMANIFEST-SYNC",
        "dfuMANIFEST",
        "dfuMANIFEST-WAIT-RESET",
        "dfuUPLOAD-IDLE",
        "dfuERROR",
    ];
    for (code, name) in names.iter().enumerate() {
        assert_eq!(State::from_code(code as u8).name(), *name);
    }
    let names = [
        "OK",
        "errTARGET",
        "errFILE",
        "errWRITE",
        "errERASE",
        "errCHECK_ERASED",
        "errPROG",
        "errVERIFY",
        "errADDRESS",
        "errNOTDONE",
        "errFIRMWARE",
        "errVENDOR",
        "errUSBR",
        "errPOR",
        "errUNKNOWN",
        "errSTALLEDPKT",
    ];
    for (code, name) in names.iter().enumerate() {
        assert_eq!(Status::from_code(code as u8).name(), *name);
    }
    assert_eq!((State::ALL.len(), Status::ALL.len()), (11, 16));
}

#[test]
fn every_number_is_kept_and_shown() {
    for code in 0..=u8::MAX {
        assert_eq!(State::from_code(code).code(), code);
        assert_eq!(Status::from_code(code).code(), code);
    }
    assert_eq!(State::from_code(99).to_string(), "unknown state 99");
    assert_eq!(Status::from_code(0x42).to_string(), "unknown status 0x42");
}

#[test]
fn every_code_has_sentences_that_can_be_put_together() {
    let states = State::ALL.iter().map(|state| state.sentence());
    let statuses = Status::ALL.iter().flat_map(|status| [status.sentence(), status.advice()]);
    for clause in states.chain(statuses) {
        assert!(clause.len() > 15 && clause.starts_with(char::is_lowercase) && !clause.ends_with('.'), "{clause}");
    }
}
