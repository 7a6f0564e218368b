//! The service that people deploy: all of them the same one, the bot itself.

use crate::support::World;
use crate::support::service::Shop;

/// How people call it.
pub const NAME: &str = "shop";

/// Its name at ECS, by which the proxy knows the calls that change it.
pub const SERVICE: &str = "dronebot";

/// What the bot is told of it. It is the bot itself, whose processes end while one of them deploys it.
pub fn settings() -> Vec<(&'static str, String)> {
    [
        ("DRONEBOT__DEPLOY__SELF", NAME),
        ("DRONEBOT__DEPLOY__SERVICES__SHOP__CLUSTER", "prod"),
        ("DRONEBOT__DEPLOY__SERVICES__SHOP__SERVICE", SERVICE),
        ("DRONEBOT__DEPLOY__SERVICES__SHOP__CONTAINER", "bot"),
        ("DRONEBOT__DEPLOY__SERVICES__SHOP__REPOSITORY", "team/dronebot"),
        ("DRONEBOT__DEPLOY__SERVICES__SHOP__UNVERIFIED", "true"),
    ]
    .map(|(key, value)| (key, value.to_owned()))
    .to_vec()
}

/// It is there, with three versions of it.
pub async fn open(world: &World) {
    Shop::open(world).await;
}
