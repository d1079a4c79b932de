//! Keepers of one lease.

use std::time::{Duration, Instant};

use sutra_operator::config::LeaseConfig;
use sutra_operator::lease::{End, Keeper, Leadership, Loss};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::api::Api;

struct Operator {
    leadership: Leadership,
    stop: CancellationToken,
    keeper: JoinHandle<End>,
}

fn operator(api: &Api, identity: &str) -> Operator {
    let config = LeaseConfig {
        name: "sutra-operator".into(),
        identity: identity.into(),
        duration: Duration::from_millis(1500),
        renew: Duration::from_millis(200),
    };
    let stop = CancellationToken::new();
    let (keeper, leadership) = Keeper::new(api.client(), "sutra", &config, stop.clone());
    Operator { leadership, stop, keeper: tokio::spawn(keeper.run()) }
}

fn holder(api: &Api) -> String {
    api.lease().unwrap()["spec"]["holderIdentity"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_holds_it_and_the_other_takes_over_at_once_when_it_is_given_back() {
    let api = Api::new();
    let mut first = operator(&api, "first");
    timeout(Duration::from_secs(5), first.leadership.acquired()).await.unwrap();
    assert!(first.leadership.is_held() && holder(&api).starts_with("first_"));
    let mut second = operator(&api, "second");
    assert!(timeout(Duration::from_secs(3), second.leadership.acquired()).await.is_err(), "there is a holder that renews");
    assert!(first.leadership.is_held() && !second.leadership.is_held());

    let stopped = Instant::now();
    first.stop.cancel();
    assert_eq!(first.keeper.await.unwrap(), End::Released);
    assert!(!first.leadership.is_held());
    timeout(Duration::from_secs(5), second.leadership.acquired()).await.unwrap();
    assert!(stopped.elapsed() < Duration::from_millis(1000), "it waited {:?}", stopped.elapsed());
    assert!(holder(&api).starts_with("second_"));
    assert_eq!(api.lease().unwrap()["spec"]["leaseTransitions"], 1);
}

#[tokio::test]
async fn a_holder_that_cannot_renew_ends_before_another_may_begin() {
    let api = Api::new();
    let mut first = operator(&api, "first");
    timeout(Duration::from_secs(5), first.leadership.acquired()).await.unwrap();
    api.takes_no_writes();
    let cut_off = Instant::now();
    assert_eq!(first.keeper.await.unwrap(), End::Lost(Loss::Expired));
    assert!(!first.leadership.is_held());
    assert!(cut_off.elapsed() < Duration::from_millis(1400), "it went on for {:?}", cut_off.elapsed());
}

#[tokio::test]
async fn one_that_waits_stops_without_touching_the_lease() {
    let api = Api::new();
    let mut first = operator(&api, "first");
    timeout(Duration::from_secs(5), first.leadership.acquired()).await.unwrap();
    let second = operator(&api, "second");
    tokio::time::sleep(Duration::from_millis(300)).await;
    second.stop.cancel();
    assert_eq!(second.keeper.await.unwrap(), End::Released);
    assert!(first.leadership.is_held() && holder(&api).starts_with("first_"));
}
