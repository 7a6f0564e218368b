//! The bot as people, orchestrators and AWS meet it: the real program as a process, the Slack sandbox as a process,
//! Moto over HTTP, a real SQLite file. A test says what a person does and shows what that person reads.

mod approvals;
mod architecture;
mod audit;
mod body;
mod browser;
mod clients;
mod crash;
mod cut;
mod deploy;
mod doctor;
mod documents;
mod ec2_list;
mod ec2_power;
mod ec2_show;
mod failures;
mod health;
mod home;
mod iam;
mod leftovers;
mod life;
mod links;
mod manifest;
mod nasty;
mod once;
mod output;
mod overload;
mod places;
mod points;
mod promises;
mod replicas;
mod secrets;
mod selftest;
mod shortcut;
mod stack;
mod starts;
mod storm;
#[allow(dead_code, reason = "shared with tests/chaos, which uses what is left")]
mod support;
mod surfaces;
mod systemd;
mod tokens;
mod typed;
mod walk;
mod words;
