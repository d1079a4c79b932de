use std::time::Duration;

use super::*;

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn election() -> Election {
    Election::new("me".into(), Timing::new(seconds(15), seconds(5)))
}

fn record(version: &str, holder: Option<&str>) -> Record {
    Record { version: Version(version.into()), holder: holder.map(Into::into), duration: seconds(15), transitions: 7 }
}

fn found(version: &str, holder: Option<&str>) -> Event {
    Event::Read(Reading::Found(record(version, holder)))
}

fn accepted(version: &str, sent: Instant) -> Event {
    Event::Written { sent, outcome: Outcome::Accepted(record(version, Some("me"))) }
}

fn claim(over: &str, transitions: i32) -> Action {
    let over = Some(Version(over.into()));
    Action::Write(Claim { over, holder: Some("me".into()), duration: seconds(15), transitions })
}

/// One that took the lease with a write sent at `start`.
fn holder(start: Instant) -> Election {
    let mut election = election();
    assert_eq!(election.step(found("1", None), start), claim("1", 8));
    assert_eq!(election.step(accepted("2", start), start), Action::Wait(start + seconds(5)));
    assert_eq!(election.held_until(), Some(start + seconds(10)));
    election
}

#[test]
fn a_lease_that_was_given_back_is_taken_at_once() {
    holder(Instant::now());
}

#[test]
fn a_silent_holder_is_waited_for_the_whole_duration_since_its_last_change_was_seen() {
    let (mut election, start) = (election(), Instant::now());
    assert_eq!(election.step(found("1", Some("other")), start), Action::Wait(start + seconds(2)));
    assert_eq!(election.other_holder(), Some("other"));
    // A change, seen at 8 s, starts the time anew.
    election.step(found("2", Some("other")), start + seconds(8));
    assert_eq!(election.step(found("2", Some("other")), start + seconds(22)), Action::Wait(start + seconds(23)));
    assert_eq!(election.step(found("2", Some("other")), start + seconds(23)), claim("2", 8));
}

#[test]
fn a_holder_that_asked_for_more_time_gets_it() {
    let (mut election, start) = (election(), Instant::now());
    let slow = Record { duration: seconds(60), ..record("1", Some("other")) };
    election.step(Event::Read(Reading::Found(slow.clone())), start);
    let action = election.step(Event::Read(Reading::Found(slow.clone())), start + seconds(59));
    assert_eq!(action, Action::Wait(start + seconds(60)));
    assert!(matches!(election.step(Event::Read(Reading::Found(slow)), start + seconds(60)), Action::Write(_)));
}

#[test]
fn who_makes_the_lease_does_not_hold_it_for_it_may_have_been_deleted_under_a_holder() {
    let (mut election, start) = (election(), Instant::now());
    let made = Claim { over: None, holder: Some("me".into()), duration: seconds(15), transitions: 0 };
    assert_eq!(election.step(Event::Read(Reading::Absent), start), Action::Write(made));
    let sent = start;
    let start = start + seconds(1);
    assert_eq!(election.step(accepted("1", sent), start), Action::Wait(start + seconds(2)));
    assert_eq!((election.held_until(), election.other_holder()), (None, None));
    assert!(matches!(election.step(found("1", Some("me")), start + seconds(14)), Action::Wait(_)));
    assert_eq!(election.step(found("1", Some("me")), start + seconds(15)), claim("1", 7));
    election.step(accepted("2", start + seconds(15)), start + seconds(15));
    assert_eq!(election.held_until(), Some(start + seconds(25)));
}

#[test]
fn an_answer_that_comes_after_the_time_it_covers_makes_no_holder() {
    let (mut election, start) = (election(), Instant::now());
    election.step(found("1", None), start);
    assert_eq!(election.step(accepted("2", start), start + seconds(10)), Action::Read);
    assert_eq!(election.held_until(), None);
    assert!(matches!(election.step(found("2", Some("me")), start + seconds(11)), Action::Wait(_)));
}

#[test]
fn renewals_extend_from_when_they_were_sent() {
    let start = Instant::now();
    let mut election = holder(start);
    assert_eq!(election.step(Event::Tick, start + seconds(4)), Action::Wait(start + seconds(5)));
    assert_eq!(election.step(Event::Tick, start + seconds(5)), claim("2", 7));
    election.step(accepted("3", start + seconds(5)), start + seconds(9));
    assert_eq!(election.held_until(), Some(start + seconds(15)));
}

#[test]
fn renewals_that_fail_are_repeated_and_extend_nothing() {
    let start = Instant::now();
    let mut election = holder(start);
    let failed = Event::Written { sent: start + seconds(5), outcome: Outcome::Unknown };
    assert_eq!(election.step(failed, start + seconds(7)), Action::Wait(start + seconds(8)));
    assert_eq!(election.step(Event::Tick, start + seconds(8)), claim("2", 7));
    assert_eq!(election.step(Event::Tick, start + seconds(10)), Action::End(End::Lost(Loss::Expired)));
    assert_eq!(election.held_until(), None);
}

#[test]
fn a_process_that_stood_still_does_not_believe_a_late_answer() {
    let start = Instant::now();
    let mut election = holder(start);
    election.step(Event::Tick, start + seconds(5));
    let action = election.step(accepted("3", start + seconds(5)), start + seconds(12));
    assert_eq!(action, Action::End(End::Lost(Loss::Expired)));
}

#[test]
fn a_refused_renewal_is_looked_into() {
    let start = Instant::now();
    let refused = || Event::Written { sent: start + seconds(5), outcome: Outcome::Conflict };
    let at = start + seconds(6);
    for (event, loss) in [
        (found("3", Some("other")), Loss::Taken("other".into())),
        (found("3", None), Loss::Emptied),
        (Event::Read(Reading::Absent), Loss::Deleted),
    ] {
        let mut election = holder(start);
        assert_eq!(election.step(refused(), at), Action::Read);
        assert_eq!(election.step(event, at), Action::End(End::Lost(loss)));
        assert_eq!(election.held_until(), None);
    }
    // Its own renewal, whose answer was lost: not a loss, and no more time either.
    let mut election = holder(start);
    election.step(refused(), at);
    assert_eq!(election.step(found("3", Some("me")), at), claim("3", 7));
    assert_eq!(election.held_until(), Some(start + seconds(10)));
}

#[test]
fn who_stops_holds_nothing_before_it_gives_the_lease_back() {
    let start = Instant::now();
    let mut election = holder(start);
    let Action::Write(claim) = election.step(Event::Stop, start + seconds(1)) else { panic!("it gives back") };
    assert_eq!((claim.over, claim.holder), (Some(Version("2".into())), None));
    assert_eq!(election.held_until(), None);
    let given_back = Event::Written { sent: start, outcome: Outcome::Accepted(record("3", None)) };
    assert_eq!(election.step(given_back, start + seconds(1)), Action::End(End::Released));
}

#[test]
fn giving_back_takes_a_lost_renewal_into_account_and_ends_anyway() {
    let start = Instant::now();
    let mut election = holder(start);
    election.step(Event::Stop, start);
    let conflict = || Event::Written { sent: start, outcome: Outcome::Conflict };
    assert_eq!(election.step(conflict(), start), Action::Read);
    let Action::Write(claim) = election.step(found("3", Some("me")), start) else { panic!("it tries again") };
    assert_eq!(claim.over, Some(Version("3".into())));
    assert_eq!(election.step(conflict(), start), Action::Read);
    assert!(matches!(election.step(found("4", Some("me")), start), Action::Write(_)));
    assert_eq!(election.step(conflict(), start), Action::End(End::Released));
}

#[test]
fn who_waits_and_stops_has_nothing_to_give_back() {
    let mut election = election();
    assert_eq!(election.step(Event::Stop, Instant::now()), Action::End(End::Released));
}
