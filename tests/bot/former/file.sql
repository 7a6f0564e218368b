-- What the program of commit b6b1f43 left in its file when it was killed: a stop and a deployment whose calls were made, and
-- a stop that waits for an approval. `sqlite3 dronebot.db .dump`, with the pragmas that a dump leaves out.
PRAGMA application_id = 1148350318;
PRAGMA user_version = 6;
PRAGMA foreign_keys = OFF;
BEGIN TRANSACTION;
CREATE TABLE audit (
    request BLOB    NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    life    INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (request, life, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO "audit" VALUES(X'01A22A728838CF21D27A39EEDA61C513',1,1,1796008479056790287,'{"what":"planned","text":"stop i-abf8bb1ecb8daf8a8 in eu-central-1","plan":"7c287dfcc70a","policies":"ced572a6c3d3"}');
INSERT INTO "audit" VALUES(X'01A22A728838CF21D27A39EEDA61C513',1,2,1796008479061018181,'{"what":"step_started","step":{"index":0,"operation":"ec2:StopInstances","region":"eu-central-1","targets":["i-abf8bb1ecb8daf8a8"],"token":"cmd-01M8N7521RSWGX4YHSXVD63H8K-0","before":{"i-abf8bb1ecb8daf8a8":{"state":"running","kind":"t3.micro","zone":"eu-central-1a","public_ip":"54.214.174.46","elastic_ip":false,"private_ip":"10.33.138.127","launched":"2026-11-30T03:14:38Z","reason":"","transition":""}}}}');
INSERT INTO "audit" VALUES(X'01A22A728838CF21D27A39EEDA61C513',1,3,1796008479075976015,'{"what":"delivered","ts":"1796008479.073465","last":false}');
INSERT INTO "audit" VALUES(X'01A22A728838CF21D27A39EEDA61C513',1,4,1796008479084556602,'{"what":"step_ended","index":0,"state":"done"}');
INSERT INTO "audit" VALUES(X'01A22A72896DBE9BA88CCF983F5C3709',1,5,1796008479246527083,'{"what":"planned","text":"deploy drone (service/prod/dronebot in eu-central-1): sha256:cec97fa735396f464d9b29fc761afee499505e7913d66e1c38e2b360aa33534e → sha256:0c0f9ca86c80ac28282931b8885c43bd4e5c2082513c82d192cf7c58bdbd4a7a","plan":"8ce1a13f97d2","policies":"ced572a6c3d3"}');
INSERT INTO "audit" VALUES(X'01A22A72896DBE9BA88CCF983F5C3709',1,6,1796008479347146120,'{"what":"step_started","step":{"index":0,"operation":"ecs:RegisterTaskDefinition","region":"eu-central-1","targets":["arn:aws:ecs:eu-central-1:100000000000:task-definition/dronebot:1","bot","100000000000.dkr.ecr.eu-central-1.amazonaws.com/team/dronebot@sha256:0c0f9ca86c80ac28282931b8885c43bd4e5c2082513c82d192cf7c58bdbd4a7a"],"token":"cmd-01M8N752BDQTDTH36FK0ZNRDR9-0"}}');
INSERT INTO "audit" VALUES(X'01A22A72896DBE9BA88CCF983F5C3709',1,7,1796008479369244647,'{"what":"step_ended","index":0,"state":"done"}');
INSERT INTO "audit" VALUES(X'01A22A72896DBE9BA88CCF983F5C3709',1,8,1796008479370185859,'{"what":"step_started","step":{"index":1,"operation":"ecs:UpdateService","region":"eu-central-1","targets":["service/prod/dronebot","bot","100000000000.dkr.ecr.eu-central-1.amazonaws.com/team/dronebot@sha256:0c0f9ca86c80ac28282931b8885c43bd4e5c2082513c82d192cf7c58bdbd4a7a","tag:1.4.2","was:sha256:cec97fa735396f464d9b29fc761afee499505e7913d66e1c38e2b360aa33534e","arn:aws:ecs:eu-central-1:100000000000:task-definition/dronebot:1"],"token":"cmd-01M8N752BDQTDTH36FK0ZNRDR9-1"}}');
INSERT INTO "audit" VALUES(X'01A22A72896DBE9BA88CCF983F5C3709',1,9,1796008479378217680,'{"what":"step_ended","index":1,"state":"done"}');
INSERT INTO "audit" VALUES(X'01A22A72896DBE9BA88CCF983F5C3709',1,11,1796008480074880715,'{"what":"delivered","ts":"1796008480.071553","last":false}');
INSERT INTO "audit" VALUES(X'01A22A728A9D410D5856B698AF8BB167',1,10,1796008479472786829,'{"what":"awaiting_approval","text":"stop i-835cc9a583d63ab8a in eu-central-1","plan":"2db999960731","needed":1}');
INSERT INTO "audit" VALUES(X'01A22A728A9D410D5856B698AF8BB167',1,12,1796008481078359122,'{"what":"delivered","ts":"1796008481.074524","last":false}');
CREATE TABLE deliveries (
    seq     INTEGER NOT NULL PRIMARY KEY,
    request BLOB    NOT NULL,
    at      INTEGER NOT NULL,
    keys    TEXT    NOT NULL
) STRICT;
INSERT INTO "deliveries" VALUES(1,X'01A22A728838CF21D27A39EEDA61C513',1796008478777515725,'message:TSANDBOX:COPS:1796008478.774313');
INSERT INTO "deliveries" VALUES(2,X'01A22A72896DBE9BA88CCF983F5C3709',1796008479087879572,'message:TSANDBOX:COPS:1796008479.083876');
INSERT INTO "deliveries" VALUES(3,X'01A22A728A9D410D5856B698AF8BB167',1796008479390118032,'message:TSANDBOX:COPS:1796008479.388937');
CREATE TABLE facts (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
, until INTEGER) STRICT, WITHOUT ROWID;
INSERT INTO "facts" VALUES('ending:approval/QCB7/01M8N752MX846NGNNPK2QRQCB7','01M8N752MX846NGNNPK2QRQCB7',1796614179464154206);
INSERT INTO "facts" VALUES('known_from','1',NULL);
INSERT INTO "facts" VALUES('known_to','0',NULL);
INSERT INTO "facts" VALUES('least_reader','6',NULL);
INSERT INTO "facts" VALUES('mark_secret','d5e6bc56b6b4be398a4898ce62c8cd2c',NULL);
INSERT INTO "facts" VALUES('note:approval/01M8N752MX846NGNNPK2QRQCB7','{"request":"01M8N752MX846NGNNPK2QRQCB7","user":"UMAYA","text":"ec2 stop web-2","plan":{"command":"ec2 stop","text":"stop i-835cc9a583d63ab8a in eu-central-1","targets":[{"id":"i-835cc9a583d63ab8a","name":"web-2","account":"100000000000","region":"eu-central-1","tags":{"Name":"web-2","approval":"required"}}],"steps":[{"index":0,"operation":"ec2:StopInstances","region":"eu-central-1","targets":["i-835cc9a583d63ab8a"],"token":"cmd-01M8N752MX846NGNNPK2QRQCB7-0","before":{"i-835cc9a583d63ab8a":{"state":"running","kind":"t3.micro","zone":"eu-central-1a","public_ip":"54.214.61.119","elastic_ip":false,"private_ip":"10.117.97.28","launched":"2026-11-30T03:14:38Z","reason":"","transition":""}}}],"cautions":["`web-2 (i-835cc9a583d63ab8a)` loses its public address `54.214.61.119`; a start gives it another."]},"needed":1,"asked_at":"2026-11-30T03:14:39.464154206Z","expires_at":"2026-11-30T03:29:39.464154206Z","given":[],"declined":null}',1796614179464154206);
INSERT INTO "facts" VALUES('note:bodies','[{"id":"vm","name":"vm"}]',NULL);
CREATE TABLE house (
    seq  INTEGER NOT NULL PRIMARY KEY,
    life INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    body TEXT    NOT NULL
) STRICT;
INSERT INTO "house" VALUES(1,1,1796008472152183119,'{"what":"started","host":"vm","version":"0.1.0 17577edf26aa7a32e11dbfdc7db9bfdcc0932185","policies":"ced572a6c3d3"}');
CREATE TABLE known (
    mark INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    PRIMARY KEY (mark, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE letters (
    id         INTEGER NOT NULL PRIMARY KEY,
    request    BLOB    NOT NULL,
    last       INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    dead_at    INTEGER,
    error      TEXT,
    kind       TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    user       TEXT,
    thread_ts  TEXT,
    url        TEXT,
    reply      TEXT    NOT NULL
, way TEXT, unsure INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "letters" VALUES(7,X'01A22A72896DBE9BA88CCF983F5C3709',0,0,1796008485334932522,1796008485334932522,NULL,NULL,'post','COPS','UMAYA','1796008479.083876',NULL,'{"tone":"Progress","parts":[{"Text":[{"Plain":"Deploying "},{"Code":"drone"},{"Plain":": rollout IN_PROGRESS, 0 of 2 running tasks have "},{"Code":"sha256:0c0f9ca86c80"},{"Plain":"… 5 s"}]}]}',NULL,0);
CREATE TABLE lives (
    life INTEGER NOT NULL PRIMARY KEY,
    name TEXT    NOT NULL,
    at   INTEGER NOT NULL
) STRICT;
INSERT INTO "lives" VALUES(1,'01M8N74VJ6QYWM53DEJ5XD5FYD',1796008472134562476);
CREATE TABLE locks (
    target  TEXT NOT NULL PRIMARY KEY,
    request BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "locks" VALUES('100000000000/eu-central-1/i-abf8bb1ecb8daf8a8',X'01A22A728838CF21D27A39EEDA61C513');
INSERT INTO "locks" VALUES('100000000000/eu-central-1/service/prod/dronebot',X'01A22A72896DBE9BA88CCF983F5C3709');
CREATE TABLE requests (
    id          BLOB    NOT NULL PRIMARY KEY,
    state       TEXT    NOT NULL,
    attempts    INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    finished_at INTEGER,
    source      TEXT    NOT NULL,
    team        TEXT    NOT NULL,
    user        TEXT    NOT NULL,
    channel     TEXT    NOT NULL,
    text        TEXT    NOT NULL,
    place       TEXT    NOT NULL,
    thread_ts   TEXT,
    url         TEXT,
    progress_ts TEXT,
    plan        TEXT
, life INTEGER) STRICT, WITHOUT ROWID;
INSERT INTO "requests" VALUES(X'01A22A728838CF21D27A39EEDA61C513','running',0,1796008478776451103,NULL,'app_mention','TSANDBOX','UMAYA','COPS','ec2 stop web-1','thread','1796008478.774313',NULL,'1796008479.073465','{"command":"ec2 stop","text":"stop i-abf8bb1ecb8daf8a8 in eu-central-1","targets":[{"id":"i-abf8bb1ecb8daf8a8","name":"web-1","account":"100000000000","region":"eu-central-1","tags":{"Name":"web-1"}}],"steps":[{"index":0,"operation":"ec2:StopInstances","region":"eu-central-1","targets":["i-abf8bb1ecb8daf8a8"],"token":"cmd-01M8N7521RSWGX4YHSXVD63H8K-0","before":{"i-abf8bb1ecb8daf8a8":{"state":"running","kind":"t3.micro","zone":"eu-central-1a","public_ip":"54.214.174.46","elastic_ip":false,"private_ip":"10.33.138.127","launched":"2026-11-30T03:14:38Z","reason":"","transition":""}}}],"cautions":["`web-1 (i-abf8bb1ecb8daf8a8)` loses its public address `54.214.174.46`; a start gives it another."],"policies":"ced572a6c3d3"}',1);
INSERT INTO "requests" VALUES(X'01A22A72896DBE9BA88CCF983F5C3709','running',0,1796008479085282795,NULL,'app_mention','TSANDBOX','UMAYA','COPS','deploy 1.4.2','thread','1796008479.083876',NULL,'1796008480.071553','{"command":"deploy","text":"deploy drone (service/prod/dronebot in eu-central-1): sha256:cec97fa735396f464d9b29fc761afee499505e7913d66e1c38e2b360aa33534e → sha256:0c0f9ca86c80ac28282931b8885c43bd4e5c2082513c82d192cf7c58bdbd4a7a","targets":[{"id":"service/prod/dronebot","name":"drone","account":"100000000000","region":"eu-central-1","tags":{"env":"prod"}}],"steps":[{"index":0,"operation":"ecs:RegisterTaskDefinition","region":"eu-central-1","targets":["arn:aws:ecs:eu-central-1:100000000000:task-definition/dronebot:1","bot","100000000000.dkr.ecr.eu-central-1.amazonaws.com/team/dronebot@sha256:0c0f9ca86c80ac28282931b8885c43bd4e5c2082513c82d192cf7c58bdbd4a7a"],"token":"cmd-01M8N752BDQTDTH36FK0ZNRDR9-0"},{"index":1,"operation":"ecs:UpdateService","region":"eu-central-1","targets":["service/prod/dronebot","bot","100000000000.dkr.ecr.eu-central-1.amazonaws.com/team/dronebot@sha256:0c0f9ca86c80ac28282931b8885c43bd4e5c2082513c82d192cf7c58bdbd4a7a","tag:1.4.2","was:sha256:cec97fa735396f464d9b29fc761afee499505e7913d66e1c38e2b360aa33534e","arn:aws:ecs:eu-central-1:100000000000:task-definition/dronebot:1"],"token":"cmd-01M8N752BDQTDTH36FK0ZNRDR9-1"}],"cautions":["This is me: I am replaced by it, and my new body answers."],"policies":"ced572a6c3d3"}',1);
INSERT INTO "requests" VALUES(X'01A22A728A9D410D5856B698AF8BB167','awaiting_approval',0,1796008479389541992,NULL,'app_mention','TSANDBOX','UMAYA','COPS','ec2 stop web-2','thread','1796008479.388937',NULL,'1796008481.074524','{"command":"ec2 stop","text":"stop i-835cc9a583d63ab8a in eu-central-1","targets":[{"id":"i-835cc9a583d63ab8a","name":"web-2","account":"100000000000","region":"eu-central-1","tags":{"Name":"web-2","approval":"required"}}],"steps":[{"index":0,"operation":"ec2:StopInstances","region":"eu-central-1","targets":["i-835cc9a583d63ab8a"],"token":"cmd-01M8N752MX846NGNNPK2QRQCB7-0","before":{"i-835cc9a583d63ab8a":{"state":"running","kind":"t3.micro","zone":"eu-central-1a","public_ip":"54.214.61.119","elastic_ip":false,"private_ip":"10.117.97.28","launched":"2026-11-30T03:14:38Z","reason":"","transition":""}}}],"cautions":["`web-2 (i-835cc9a583d63ab8a)` loses its public address `54.214.61.119`; a start gives it another."]}',1);
CREATE TABLE steps (
    request BLOB    NOT NULL REFERENCES requests (id) ON DELETE CASCADE,
    step    INTEGER NOT NULL,
    state   TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    PRIMARY KEY (request, step)
) STRICT, WITHOUT ROWID;
INSERT INTO "steps" VALUES(X'01A22A728838CF21D27A39EEDA61C513',0,'done','{"index":0,"operation":"ec2:StopInstances","region":"eu-central-1","targets":["i-abf8bb1ecb8daf8a8"],"token":"cmd-01M8N7521RSWGX4YHSXVD63H8K-0","before":{"i-abf8bb1ecb8daf8a8":{"state":"running","kind":"t3.micro","zone":"eu-central-1a","public_ip":"54.214.174.46","elastic_ip":false,"private_ip":"10.33.138.127","launched":"2026-11-30T03:14:38Z","reason":"","transition":""}}}');
INSERT INTO "steps" VALUES(X'01A22A72896DBE9BA88CCF983F5C3709',0,'done','{"index":0,"operation":"ecs:RegisterTaskDefinition","region":"eu-central-1","targets":["arn:aws:ecs:eu-central-1:100000000000:task-definition/dronebot:1","bot","100000000000.dkr.ecr.eu-central-1.amazonaws.com/team/dronebot@sha256:0c0f9ca86c80ac28282931b8885c43bd4e5c2082513c82d192cf7c58bdbd4a7a"],"token":"cmd-01M8N752BDQTDTH36FK0ZNRDR9-0"}');
INSERT INTO "steps" VALUES(X'01A22A72896DBE9BA88CCF983F5C3709',1,'done','{"index":1,"operation":"ecs:UpdateService","region":"eu-central-1","targets":["service/prod/dronebot","bot","100000000000.dkr.ecr.eu-central-1.amazonaws.com/team/dronebot@sha256:0c0f9ca86c80ac28282931b8885c43bd4e5c2082513c82d192cf7c58bdbd4a7a","tag:1.4.2","was:sha256:cec97fa735396f464d9b29fc761afee499505e7913d66e1c38e2b360aa33534e","arn:aws:ecs:eu-central-1:100000000000:task-definition/dronebot:1"],"token":"cmd-01M8N752BDQTDTH36FK0ZNRDR9-1"}');
CREATE INDEX unfinished ON requests (id) WHERE finished_at IS NULL;
CREATE INDEX asked ON requests (user);
CREATE INDEX shown ON requests (channel, progress_ts) WHERE progress_ts IS NOT NULL;
CREATE INDEX locked ON locks (request);
COMMIT;
