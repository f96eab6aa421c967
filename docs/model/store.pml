/*
 * The store protocol of holdfast, for the model checker Spin (spinroot.com; Debian: spin and gcc). README.md says what each
 * proctype is in the code, what is left out, and what came of it; run.sh runs it.
 *
 * A statement (or d_step, or atomic) is one system call, or several of which nobody else can see more than one. There are
 * two programs (0 is lightningd), one directory of the installation, ND directories in the store. Nothing takes a time of
 * its own: between two statements anything may happen. Whoever waits for .lock gets it in any order.
 *
 * An identity (identity.ts: device, inode, mode, owner, size, mtime, ctime) is a bit: `what was remembered is what lstat(2)
 * says now`. Whatever moves a ctime clears it wherever it is remembered. All files have one size. `fresh`: the ctime is of
 * this very tick, so that a write now shows nowhere.
 */
#ifndef NL
#define NL 3       /* launches. The last begins when the others have ended or run, and nothing comes in its way */
#endif
#ifndef ND
#define ND 4       /* directories in the store at once */
#endif
#ifndef UP
#define UP 1       /* upgrades: v1 to v2 (to v3) */
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef VICTIM
#define VICTIM 15  /* set of launches that may be killed */
#endif
#ifndef TRIES
#define TRIES 2    /* attempts within --settle */
#endif
#ifndef HIDDEN
#define HIDDEN 0   /* set of launches whose processes the others do not see: containers */
#endif
#ifndef OPT
#define OPT 0
#endif
#define COPY 1     /* files are copied, not linked */
#define PIN 2      /* program 1 is pinned */
#define INPLACE 4  /* upgrades write into the files */
#define MTIME 8    /* and put the mtime back */
#define MUTE 16    /* program 1 does not say its version. Upgrades then take less than two seconds */
#define NOGATE 32  /* the first launch asks nobody */
#define REEXEC 64  /* a node may execute itself again */
#define FORK 128   /* and go on as a child */
#define ENDS 256   /* a node may end */
#define RACE 512   /* the last launch is as the others */
#define OLD 1024   /* there is a dead snapshot of v3 */
#define OTHERS 2048  /* launches out of other stores link the same files */
#define DAMAGE 4096
#define READER 8192
#define LIBRARY 16384  /* file 1 is a held library: no part of the root, upgraded by itself */
#define KEEPER 32768   /* launches 0, 1 and 2 are of the parent of --on-upgrade: run, snapshot, run */
#define ALONE 1    /* no launch fails because of another one */
#define TOLD 2     /* verify does not call damaged what a launch is removing */
#define ASWAS 4    /* a launch that fails leaves all snapshots that are whole */
#define READ 8     /* what was written to a source since it was read is noticed */
#define CLEAN 16   /* the last launch leaves no staging directory */
#define ONCE 32    /* no root has two snapshots, unless one was damaged */
#define CALM 64    /* without an upgrade no launch fails */
#ifndef CHECK      /* beyond what must always hold */
#define CHECK ALONE + TOLD + ASWAS + READ + CLEAN
#endif
#ifndef MUT
#define MUT 0      /* what is left out or turned round: see run.sh */
#endif
#define OPTED(o)     ((OPT) & (o))
#define CHECKED(c)   ((CHECK) & (c))
#define LAST(me)     (!OPTED(RACE) && me == NL - 1)
#define ASKS(me)     (!OPTED(NOGATE) || me != 0)
#define BIT(b)       (1 << (b))
#define ADD(set, b)  set = set | BIT(b)
#define DROP(set, b) set = set & ~BIT(b)
#define IN(set, b)   (((set) >> (b)) & 1)

/* ---- the disk ---- */
#define STAGING 1                               /* .staging-<pid>-<random>: whose, is `by` */
#define ROOT(versions) (OPTED(LIBRARY) -> (versions) & 12 : (versions))
#define NAME(versions, k) (2 + 4 * ROOT(versions) + (k))    /* <id>, <id>.1, <id>.2, <id>.3 */
#define IS_SNAPSHOT(name) ((name) > STAGING)
#define COPIED 16                               /* a placed file: 0 none; 1 + inode, a link; COPIED + content; */
#define PINNED 32                               /* PINNED + inode, a link into the /proc of the process that pinned */
typedef Dir {
  byte name;      /* 0: none (any more) */
  byte by;        /* and whose pins */
  byte f[2];      /* the programs in it */
  byte root;      /* manifest.json, SHA256SUMS, libraries.json: 4 * version + version; 0 while there is none */
  bit rec;        /* .record.json */
  bit extra;      /* .record.json.new */
  bit asked;      /* the record has the programs' answers */
  byte srcIs;     /* the record's identities that are right: bit i of source i, bit 2 of the directory */
  byte placedIs;  /* and of the placed files */
  byte lookedIs;  /* and what findByHash remembers of those */
  byte sh;        /* flock(2): the set of those who hold LOCK_SH; NL is the reader */
  byte ex;        /* who holds LOCK_EX, + 1 */
  bit open        /* by the reader */
}
Dir dir[ND];
byte lk;          /* .lock: who holds it, + 1. Nobody removes it: lock.ts is one step */
byte current;     /* the name in the link `current` */
byte tmp;         /* set of launches whose symbolic link has a staging name (current.ts) */
byte content[6];  /* of the installation's inodes: a version; 0 while it is written. Inode n is named n & 1 */
byte cur[2];      /* the inode that a name leads to */
byte fresh;       /* set of inodes */
bit young;        /* the installation's directory changed less than two seconds ago */
bit upgrading, upgraded;

/* ---- the launches ---- */
#define IDLE 0
#define WORKS 1
#define NODE 2
#define ENDED 3
byte phase[NL];
byte use[NL];     /* the directory that it holds as live, later runs from; + 1 */
byte exe[NL];     /* what /proc/PID/exe leads to */
byte forked;      /* set: has another PID than at first */
byte excused;     /* set: something was broken after it began */
byte seen[NL];    /* set of versions that were installed at some moment of the launch; of libraries from bit 4 */
byte alike, equal;/* bit 2k+i: what launch k remembers of source i is right but for the ctime; is right */
byte dsame;       /* set: what it remembers of the directory is right */
chan kill = [0] of { byte };

/* What must never be. Each is an assertion of its own, so that Spin says which. */
bit live_was_removed, live_was_changed, partial, mixed, never_installed, two_of_one_name, current_dangles, not_locked;
bit stopped_for_nothing, last_failed, failed_for_another, damaged_was_said, not_as_it_was, change_not_noticed, staging_left, second_of_one_root;
bit too_small;    /* the model, not the code */
byte keeper;      /* what the parent does: 0 watches, 1 looks, 2 starts the next one */
byte looked;      /* NAME of the snapshot that it has taken */
#define NEVER(what, when) if :: when -> what = 1; assert(!what) :: else fi

hidden byte q;    /* of loops within one step */
#define ALL(n, what)   q = 0; do :: q < n -> what; q++ :: else -> break od; q = 0
#define lowest(set, o) o = 0; do :: IN(set, o) -> break :: else -> o++ od; q = 0
#define snapshots(o)   o = 0; ALL(ND, o = o | (IS_SNAPSHOT(dir[q].name) -> BIT(q) : 0))
#define stagings(o)    o = 0; ALL(ND, o = o | (dir[q].name == STAGING -> BIT(q) : 0))
#define find(n, o)     o = 0; ALL(ND, o = o | (dir[q].name == n))
#define forget(k)      alike = alike & ~(3 << (2*k)); equal = equal & ~(3 << (2*k)); DROP(dsame, k); li[0] = 0; li[1] = 0; \
                       dig[0] = 0; dig[1] = 0; racy = 0; x = 0; m = 0; hit = 0
#define BYTES(x, i)    (dir[x].f[i] >= PINNED -> content[dir[x].f[i] - PINNED] : \
                       (dir[x].f[i] >= COPIED -> dir[x].f[i] - COPIED : content[dir[x].f[i] - 1]))
#define ONLY(i)        (i -> 170 : 85)          /* of alike and equal: all of source i */

inline touch(n) {                               /* link(2), unlink(2), rename(2), write(2): the ctime moves */
  if
  :: IN(fresh, n)
  :: else ->
     if :: cur[n & 1] == n -> equal = equal & ~ONLY((n & 1)); ALL(ND, DROP(dir[q].srcIs, n & 1)) :: else fi;
     ALL(ND, if :: dir[q].f[n & 1] == 1 + n -> DROP(dir[q].placedIs, n & 1); DROP(dir[q].lookedIs, n & 1) :: else fi);
     if :: OPTED(INPLACE) -> ADD(fresh, n) :: else fi
  fi }

#define HAS_RECORD(x) (dir[x].rec && dir[x].root && (dir[x].f[1] < PINNED || MUT == 14))
#define DIGIT(x, i)    (i -> dir[x].root & 3 : dir[x].root >> 2)

/* remove-tree.ts. In any order; ENOENT is no error. `still`: the name leads there */
inline notUsed(x) { ALL(NL, NEVER(live_was_removed, use[q] == x + 1)) }
inline unlink(x, i) { see = dir[x].f[i]; dir[x].f[i] = 0; if :: see < COPIED -> see--; touch(see) :: else fi; see = 0 }
inline removeTree(x, still) {
  do
  :: d_step { still && dir[x].f[0]; notUsed(x); unlink(x, 0) }
  :: d_step { still && dir[x].f[1]; notUsed(x); unlink(x, 1) }
  :: d_step { still && (dir[x].root || dir[x].rec); notUsed(x); dir[x].root = 0; dir[x].rec = 0; dir[x].asked = 0 }
  :: d_step { still && !dir[x].f[0] && !dir[x].f[1] && !dir[x].root && !dir[x].rec; notUsed(x);
              dir[x].name = 0; dir[x].by = 0; dir[x].srcIs = 0; dir[x].placedIs = 0; dir[x].lookedIs = 0; dir[x].extra = 0 } break
  :: !(still) -> break
  od }

/* wipe.ts, liveness.ts, removeEntry: of the set m, all that are not live, each locked, asked for, set aside, removed and let go. With .lock */
#define EXE(x)    (dir[x].f[0] >= COPIED -> COPIED + x : dir[x].f[0])
#define PID(q)    (IN(forked, q) -> 4 + q : q)
#define SHOWS(q)  (phase[q] == NODE && !IN(HIDDEN, q) && MUT != 3)
#define IS_FREE(x) (MUT == 2 || (MUT == 12 && dir[x].name == STAGING) || (dir[x].sh == 0 && dir[x].ex == 0))
#define BY_LOCK(x) (dir[x].name == STAGING && MUT != 19)
#define SOUND(x)  (HAS_RECORD(x) && !dir[x].extra && dir[x].f[0] && dir[x].f[1] && BYTES(x, 0) == DIGIT(x, 0) && BYTES(x, 1) == DIGIT(x, 1))
inline listProcesses() {                        /* processes.ts, executedFiles: until there is nobody new */
  do
  :: d_step { v = 0; ALL(NL, v = v | (SHOWS(q) && !IN(see, PID(q)) -> BIT(PID(q)) : 0)); see = see | v }        /* /proc */
     if
     :: v == 0 -> break
     :: else
     fi;
     d_step { ALL(NL, procs = procs | (SHOWS(q) && IN(v, PID(q)) -> BIT(q) : 0)); v = 0 }                       /* each exe */
     if :: MUT == 21 -> break :: else fi
  od;
  atomic { v = 0; see = 0; procs = procs | (MUT == 20 -> 128 : 0) } }
inline wipe() {
  do
  :: d_step { m != 0; lowest(m, x); DROP(m, x); hit = dir[x].name == 0 }                        /* lstat */
     if
     :: hit
     :: d_step { !hit && dir[x].name == 0; NEVER(failed_for_another, MUT == 15 && CHECKED(ALONE)) }     /* open: it is gone */
     :: !hit && dir[x].name != 0 ->                                                             /* open */
        if
        :: !IS_FREE(x)                                                                          /* flock LOCK_EX: it is live */
        :: d_step { IS_FREE(x); dir[x].ex = me + 1 }
           if
           :: BY_LOCK(x) || procs >= 128
           :: else -> listProcesses()
           fi;
           d_step { hit = 0; ALL(NL, hit = hit | (dir[x].f[0] && !BY_LOCK(x) && IN(procs, q) && exe[q] == EXE(x)));
                    procs = (MUT == 20 -> procs : 0);                                           /* what it has; close */
                    dir[x].ex = (hit || MUT == 16 -> 0 : me + 1); wiped = wiped | (!hit && d && IS_SNAPSHOT(dir[x].name) && SOUND(x)) }
           if
           :: hit
           :: else ->
              d_step { if :: IS_SNAPSHOT(dir[x].name) && MUT != 16 && MUT != 24 -> dir[x].name = STAGING; dir[x].by = NL :: else fi }   /* rename */
              removeTree(x, (dir[x].name != 0)); changed = 1
           fi;
           dir[x].ex = (dir[x].ex == me + 1 -> 0 : dir[x].ex)
        fi
     fi
  :: m == 0 -> break
  od;
  atomic { x = 0; procs = 0; hit = 0 } }

/* by-record.ts: the first of the set m of which the record says that nothing changed. With .lock */
#define remember(i, is) if :: is -> ADD(alike, 2*me + i); ADD(equal, 2*me + i) :: else -> DROP(alike, 2*me + i); DROP(equal, 2*me + i) fi
inline findProven() {
  do
  :: d_step { m != 0; lowest(m, x); DROP(m, x) }
     if                                                                                         /* open, read the record; lstat */
     :: HAS_RECORD(x) && (dir[x].asked || !ASKS(me)) && (dir[x].srcIs & 5) == 5 ->              /* the directory, source 0 */
        if
        :: IN(dir[x].srcIs, 1) ->                                                               /* source 1 */
           if
           :: MUT == 13 || (dir[x].f[0] && dir[x].f[1] && dir[x].placedIs == 3) ->              /* the placed files */
              if
              :: d_step { dir[x].ex == 0; if :: MUT != 11 -> ADD(dir[x].sh, me) :: else fi; use[me] = x + 1; m = 0;     /* flock */
                          racy = 0; remember(0, IN(dir[x].srcIs, 0)); remember(1, IN(dir[x].srcIs, 1)) }
              :: else
              fi
           :: else
           fi
        :: else
        fi
     :: else
     fi
  :: m == 0 -> break
  od;
  x = 0 }

/* by-hash.ts, compare-content.ts: the same by reading what is in doubt; the record is written anew. With .lock */
#define TRUSTED(x, i)  (IN(dir[x].srcIs, i) && IN(equal, 2*me + i))
#define AGREES(x, i)   (dir[x].f[i] && (IN(dir[x].placedIs, i) || BYTES(x, i) == DIGIT(x, i)) && \
                       (TRUSTED(x, i) || content[cur[i]] == DIGIT(x, i)))
#define IS_RACY(x, i)  (MUT != 5 && !TRUSTED(x, i) && IN(equal, 2*me + i) && IN(fresh, cur[i]) -> BIT(i) : 0)
#define SRC_IS(racy)   (4 * IN(dsame, me) + (IN(equal, 2*me) && !IN(racy, 0)) + 2 * (IN(equal, 2*me + 1) && !IN(racy, 1)))
inline findByHash() {
  d_step { snapshots(m) }
  do
  :: d_step { m != 0; lowest(m, x); DROP(m, x); hit = HAS_RECORD(x) && !dir[x].extra && AGREES(x, 0); hr = IS_RACY(x, 0);
              dir[x].lookedIs = (hit -> 3 : 0) }
     if
     :: d_step { hit; hit = AGREES(x, 1); hr = hr | IS_RACY(x, 1) }
        if                                                                                      /* lstat of all; flock; write */
        :: d_step { hit && dir[x].lookedIs == 3 && (IN(equal, 2*me) || IN(hr, 0)) && (IN(equal, 2*me + 1) || IN(hr, 1)) &&
                    IN(dsame, me) && dir[x].ex == 0; ADD(dir[x].sh, me); use[me] = x + 1; m = 0; racy = hr; dir[x].extra = 1 }
           d_step { dir[x].extra = 0; dir[x].srcIs = SRC_IS(hr); dir[x].placedIs = dir[x].lookedIs; dir[x].lookedIs = 0 }   /* rename */
        :: else -> dir[x].lookedIs = 0
        fi
     :: else -> dir[x].lookedIs = 0
     fi
  :: m == 0 -> break
  od;
  atomic { x = 0; hit = 0; hr = 0 } }

/* stage.ts, place.ts */
#define LISTED(i)      (cur[i] == li[i])
#define PINS(i)        (OPTED(PIN) && i)
inline list(i) { d_step { li[i] = cur[i]; ADD(alike, 2*me + i); ADD(equal, 2*me + i) } }
#if (OPT) & COPY
inline place(i) {
  if
  :: d_step { LISTED(i); dig[i] = content[li[i]]; racy = racy | (IN(equal, 2*me + i) && IN(fresh, li[i]) -> BIT(i) : 0) }
  :: else -> goto unsettled                                                                     /* open: not what was listed */
  fi;
  d_step { dig[i] = (dig[i] == content[li[i]] -> dig[i] : 0); dir[d - 1].f[i] = COPIED + dig[i] } }  /* read to the end */
inline hash(i) { skip }
#else
inline place(i) {
  d_step { see = cur[i]; if :: PINS(i) -> dir[d - 1].f[i] = PINNED + see :: else -> dir[d - 1].f[i] = 1 + see; touch(see) fi; see = 0 }
  if                                                                                            /* link; lstat */
  :: d_step { LISTED(i) && IN(alike, 2*me + i) && (!PINS(i) || IN(equal, 2*me + i)); ADD(equal, 2*me + i) }
  :: else -> goto unsettled
  fi }
inline hash(i) { d_step { !(IN(equal, 2*me + i) && IN(fresh, li[i])); dig[i] = BYTES(d - 1, i) } }   /* after a tick */
#endif
#define IS_OF_ROOT(x)  (dir[x].name >= NAME(4 * dig[0] + dig[1], 0) && dir[x].name <= NAME(4 * dig[0] + dig[1], 3))
#define PASSES(i)      (IN(equal, 2*me + i) && (MUT == 18 || !IN(racy, i)))
/* refresh-record.ts: after an unlink(2) of ours the ctimes of what the snapshot shares are others. With .lock */
#define IS_LINK(x, i)  (dir[x].f[i] && dir[x].f[i] < COPIED)
#define HAS_MOVED(x, i) (!IN(racy, i) && IN(alike, 2*me + i) && !(PINS(i)) && (IS_LINK(x, i) || IN(dir[x].placedIs, i)) && \
                         !(IN(equal, 2*me + i) && IN(dir[x].placedIs, i)) -> BIT(i) : 0)
#define RE_READ(i)  if :: BYTES(x, i) == DIGIT(x, i) && (IS_LINK(x, i) || content[cur[i]] == DIGIT(x, i)) :: else -> DROP(hr, i) fi
#define KEPT(i)      (IN(equal, 2*me + i) && (IS_LINK(x, i) || IN(dir[x].placedIs, i)) -> BIT(i) : 0)
#define REWRITE(i)   if :: IN(hr, i) && IN(equal, 2*me + i) -> ADD(dir[x].srcIs, i) :: else fi; \
                     if :: IN(hr, i) && IN(equal, 2*me + i) && IS_LINK(x, i) -> ADD(dir[x].placedIs, i) :: else fi
#define WAITS(i)       (IN(hr, i) && IN(equal, 2*me + i) && IN(fresh, cur[i]))
inline refresh() {
  d_step { x = use[me] - 1; hr = HAS_MOVED(x, 0) | HAS_MOVED(x, 1); changed = 0;                /* lstat */
           if :: IN(hr, 0) -> ADD(equal, 2*me) :: else fi; if :: IN(hr, 1) -> ADD(equal, 2*me + 1) :: else fi }
  if
  :: hr == 0
  :: hr != 0 ->
     d_step { !WAITS(0) && !WAITS(1); RE_READ(0) }                                              /* after a tick; read */
     d_step { RE_READ(1) }
     d_step { hr = hr & (KEPT(0) | KEPT(1)); dir[x].extra = 1 }         /* lstat; write */
     d_step { dir[x].extra = 0; REWRITE(0); REWRITE(1) }                                        /* rename */
  fi;
  atomic { x = 0; hr = 0 } }
/* look-again.ts */
inline lookAgain(i) {
  if
  :: d_step { PASSES(i); NEVER(change_not_noticed, CHECKED(READ) && content[cur[i]] != dig[i]) }
  :: d_step { !PASSES(i) && LISTED(i) && IN(alike, 2*me + i);
              ADD(equal, 2*me + i); DROP(racy, i); racy = racy | (IN(fresh, cur[i]) -> BIT(i) : 0) }
     if :: content[cur[i]] == dig[i] :: else -> goto unsettled fi                               /* read */
  :: else -> goto unsettled
  fi }
#define SAYS_ONE(x)    (dir[x].f[0] && dir[x].f[1] && BYTES(x, 0) && BYTES(x, 1) && (OPTED(MUTE + LIBRARY) || BYTES(x, 1) == BYTES(x, 0)))
#define INSTALLED      (OPTED(LIBRARY) -> BIT(content[cur[0]]) + 16 * BIT(content[cur[1]]) : \
                       (content[cur[0]] == content[cur[1]] -> BIT(content[cur[0]]) : 0))
#define OF_ROOT        d_step { snapshots(m); ALL(ND, m = m & ~(IS_OF_ROOT(q) -> 0 : BIT(q))) }
inline lockStore() { atomic { lk == 0; lk = me + 1 } }
inline removeOwn() { if :: d -> removeTree((d - 1), (dir[d - 1].name == STAGING && dir[d - 1].by == me)); d = 0 :: else fi }

proctype Launcher(byte me) {
  byte d, x, m, v, procs, see, li[2], dig[2], racy, hr, tries;  /* d: our staging directory + 1; m, v: sets of directories */
  bit hit, wiped, changed;                      /* wiped: a snapshot that was whole, before ours had its name */
  {
#if (OPT) & KEEPER
    skip;
end_idle:
#endif
    atomic {
      (me == 0 || phase[me - 1] != IDLE || (OPTED(KEEPER) && me > 2)) && (!OPTED(KEEPER) || me == 0 || me > 2 || keeper == me) &&
      (!LAST(me) || (phase[0] >= NODE && phase[(NL - 1) / 2] >= NODE && phase[NL - 2] >= NODE && upgraded && !young));
      phase[me] = WORKS; seen[me] = INSTALLED
    }
again:
    lockStore();                                                                                /* 1 lock */
    d_step { tries++; tmp = 0; stagings(m) }                                                    /* 2 wipe-staging */
    wipe(); changed = 0;
    d_step { snapshots(m) }
    findProven();                                                                               /* 3 prove */
    if :: use[me] -> goto publish :: else fi;
    d_step { ADD(dsame, me); hit = young }                                                      /* 4 inspect */
    list(0);
#if !((OPT) & LIBRARY)
    list(1);
#endif
    if :: hit && young -> goto unsettled :: else -> hit = 0 fi;
    lk = 0;                                                                                     /* ask-loader */
#if (OPT) & LIBRARY
    list(1);
#endif
    lockStore();
    findByHash();                                                                               /* 5 prove-by-hash */
    if
    :: use[me] && (dir[use[me] - 1].asked || !ASKS(me)) -> goto publish
    :: use[me] && !(dir[use[me] - 1].asked || !ASKS(me)) ->                                     /* passGate */
       lk = 0;
       if :: SAYS_ONE(use[me] - 1) :: else -> goto unsettled fi;
       lockStore();
       d_step { x = use[me] - 1; dir[x].asked = 1; dir[x].srcIs = SRC_IS(0);                    /* the identities of before */
                dir[x].placedIs = IN(equal, 2*me) + 2 * IN(equal, 2*me + 1); x = 0 }
       goto publish
    :: use[me] == 0
    fi;
    d_step {                                                                                    /* 6 stage: mkdir */
      x = 0; do :: x < ND && (dir[x].name || dir[x].sh || dir[x].ex || dir[x].open) -> x++ :: else -> break od;
      NEVER(too_small, x == ND);
      dir[x].name = STAGING; dir[x].by = me; d = x + 1; x = 0; use[me] = d
    }
#if MUT == 8
    lk = 0; lockStore();
#endif
#if MUT != 1
    ADD(dir[d - 1].sh, me);                                                                     /* open, flock LOCK_SH */
#endif
    place(0); place(1); hash(0); hash(1);
    lk = 0;
    if :: SAYS_ONE(d - 1) || !ASKS(me) || MUT == 9 :: else -> goto unsettled fi;                /* 7 ask-versions */
    lockStore();
    d_step { use[me] = 0; snapshots(m) }
    findProven();
    if :: use[me] == 0 -> findByHash() :: else fi;
    if
    :: use[me] -> DROP(dir[d - 1].sh, me); removeOwn(); refresh(); goto publish                 /* another launch was faster */
    :: else -> use[me] = d
    fi;
#if MUT == 17
    d_step { snapshots(m) } wipe();
#endif
#if MUT == 23
    OF_ROOT wipe();
#endif
#if MUT != 4
    if :: IN(dsame, me) :: else -> goto unsettled fi;
    lookAgain(0); lookAgain(1);
#endif
    d_step { x = d - 1; dir[x].root = 4 * dig[0] + dig[1]; dir[x].rec = 1; dir[x].asked = ASKS(me);
             dir[x].srcIs = SRC_IS((MUT == 5 -> 0 : racy)); dir[x].placedIs = 3; x = 0 }
#if MUT != 23
    OF_ROOT wipe();                                                                             /* 10 publish: what cannot be used */
#endif
#if MUT == 6
    lk = 0;
#endif
    d_step { x = NAME(dir[d - 1].root, 0); find(x, hit);                                        /* lstat */
             do
             :: hit -> NEVER(second_of_one_root, CHECKED(ONCE)); x++; NEVER(too_small, x == NAME(dir[d - 1].root, 4)); find(x, hit)
             :: else -> break
             od; hit = 0 }
    d_step { find(x, hit); NEVER(two_of_one_name, hit);                                         /* rename */
             dir[d - 1].name = x; dir[d - 1].by = (dir[d - 1].f[1] >= PINNED -> me : 0); d = 0; x = 0; hit = 0; wiped = 0 }
publish:
    if
    :: current == dir[use[me] - 1].name
    :: else ->
       ADD(tmp, me);                                                                            /* symlink */
       d_step { current = dir[use[me] - 1].name; DROP(tmp, me) }                                /* rename */
    fi;
    d_step { snapshots(m); DROP(m, use[me] - 1) }                                               /* 11 wipe */
    wipe();
    if :: changed -> refresh() :: else fi;
    d_step { find(current, hit); NEVER(current_dangles, !hit); hit = 0; lk = (lk == me + 1 -> 0 : lk) }
#if MUT == 1 || MUT == 11
    ADD(dir[use[me] - 1].sh, me);
#endif
    d_step {                                                                                    /* execve, by its path */
      x = use[me] - 1;
      NEVER(partial, !dir[x].f[0] || !dir[x].f[1] || !IS_SNAPSHOT(dir[x].name) || (dir[x].f[1] >= PINNED && dir[x].by != me));
      NEVER(mixed, BYTES(x, 0) != BYTES(x, 1) && ASKS(me) && !IN(excused, me) && !OPTED(LIBRARY));
      NEVER(never_installed, !IN(seen[me], BYTES(x, 0)) && ASKS(me));
      NEVER(never_installed, OPTED(LIBRARY) && !IN(seen[me], 4 + BYTES(x, 1)) && !IN(excused, me));
      NEVER(not_locked, !IN(dir[x].sh, me));
      if :: MUT == 7 -> DROP(dir[x].sh, me) :: else fi;
      phase[me] = NODE; exe[me] = EXE(x); seen[me] = 0; stagings(m); NEVER(staging_left, LAST(me) && CHECKED(CLEAN) && (m || tmp));
      forget(me); tries = 0; wiped = 0;
      if :: OPTED(KEEPER) && me == 1 -> looked = dir[use[me] - 1].name; DROP(dir[use[me] - 1].sh, me); use[me] = 0; exe[me] = 0;
            phase[me] = ENDED                                                                   /* it was `snapshot` */
         :: else fi
    }
    if :: phase[me] == ENDED -> goto end_ended :: else fi;
end_node:
    do                                                                                          /* a daemon's parent exits */
    :: d_step { OPTED(REEXEC) && IN(dir[use[me] - 1].sh, me); DROP(dir[use[me] - 1].sh, me) }   /* all closed; execve, by its path */
    :: d_step { OPTED(FORK) && !IN(dir[use[me] - 1].sh, me) && !IN(forked, me); ADD(forked, me) }
    :: d_step { OPTED(ENDS) && !LAST(me); DROP(dir[use[me] - 1].sh, me); use[me] = 0; exe[me] = 0; phase[me] = ENDED } goto end_ended
    od;

failed:
    tries = 9;
unsettled:                                                                                      /* build.ts, finally; take.ts, finally */
    atomic { forget(me); use[me] = 0; v = 0; procs = 0; see = 0; hr = 0; changed = 0; ALL(ND, DROP(dir[q].sh, me)) }
    removeOwn();                                                                                /* with .lock or without */
    atomic { lk = (lk == me + 1 -> 0 : lk);
      if
      :: tries < TRIES + LAST(me) -> goto again
      :: else -> NEVER(last_failed, LAST(me) || CHECKED(CALM)); NEVER(not_as_it_was, CHECKED(ASWAS) && wiped);
         phase[me] = ENDED; tries = 0; wiped = 0; seen[me] = 0
      fi }
end_ended:
    false
  } unless {
    atomic { kill ? eval(me);
      ALL(ND, DROP(dir[q].sh, me); dir[q].ex = (dir[q].ex == me + 1 -> 0 : dir[q].ex));
      lk = (lk == me + 1 -> 0 : lk); use[me] = 0; phase[me] = ENDED; seen[me] = 0; forget(me);
      d = 0; v = 0; procs = 0; see = 0; hr = 0; tries = 0; wiped = 0; changed = 0 }
  }
}

/* ---- the others ---- */
#define LIVES(k) (k < NL && !LAST(k) && IN(VICTIM, k) && (phase[k % NL] == WORKS || phase[k % NL] == NODE))
proctype Killer() {
  byte n;
end: do
  :: atomic { n < KILLS && LIVES(0); n++; kill ! 0 }
  :: atomic { n < KILLS && LIVES(1); n++; kill ! 1 }
  :: atomic { n < KILLS && LIVES(2); n++; kill ! 2 }
  od
}

inline installed() { ALL(NL, if :: phase[q] == WORKS -> seen[q] = seen[q] | INSTALLED :: else fi) }
inline replace(i) {                             /* rename(2): the name leads to a new inode */
  d_step { see = cur[i]; touch(see); see = i + 2 * (c - 1); cur[i] = see; content[see] = c; see = 0;
    alike = alike & ~ONLY(i); equal = equal & ~ONLY(i); upgrading = 1;
    ALL(ND, DROP(dir[q].srcIs, i));
    if :: OPTED(LIBRARY) && i :: else -> dsame = 0; young = 1; ALL(ND, DROP(dir[q].srcIs, 2)) fi; installed() } }
inline write(i, bytes) {                        /* write(2): a hard link has it at once */
  d_step { see = cur[i]; content[see] = bytes; upgrading = 1;
    ALL(NL, NEVER(live_was_changed, phase[q] == NODE && dir[use[q] - 1].f[i] == 1 + see));
    if :: !OPTED(MTIME) && !IN(fresh, see) -> alike = alike & ~ONLY(i) :: else fi;
    if :: MUT == 10 :: else -> touch(see) fi; see = 0; installed() } }
proctype Upgrader() {
  byte c = 2, i, see;
  do
  :: c <= 1 + UP ->
     if :: i = 0 :: i = 1 fi;
     if
     :: OPTED(INPLACE) -> write(i, 0); write(i, c); i = 1 - i; write(i, 0); write(i, c)
     :: else -> replace(i); i = 1 - i; replace(i)
     fi;
     atomic { c++; i = 0; upgrading = 0 }
  :: else -> break
  od;
  atomic { c = 0; upgraded = 1 }
}

proctype Clock() {
  byte i;
end: do
  :: d_step { fresh; fresh = 0 }
  :: d_step { young && !(OPTED(MUTE) && upgrading); young = 0 }
  :: d_step { OPTED(OTHERS); i = cur[0]; touch(i); i = cur[1]; touch(i); i = 0 }
  od
}

proctype Damager() {
  byte x;
  do :: x < ND - 1 -> x++ :: break od;
end:
  atomic { IS_SNAPSHOT(dir[x].name) && dir[x].f[1]; dir[x].f[1] = COPIED; DROP(dir[x].placedIs, 1); DROP(dir[x].lookedIs, 1); x = 0;
           ALL(NL, if :: phase[q] == WORKS -> ADD(excused, q) :: else fi) }
}

proctype Keeper() {                             /* supervisor.ts */
  byte runs; bit miss;
end:
  atomic { phase[0] == NODE && cur[0] != 0; runs = dir[use[0] - 1].name; keeper = 1;            /* what is watched has changed */
           if :: MUT == 22 -> looked = NAME(4 * content[cur[0]] + content[cur[1]], 0) :: else fi }
end_look:
  if
  :: atomic { (phase[1] == ENDED || MUT == 22) && looked != 0 && looked != runs && phase[0] == NODE;           /* stop: it has ended */
              ALL(ND, miss = miss | (dir[q].name == looked));
              NEVER(stopped_for_nothing, !miss); miss = 0; runs = 0; kill ! 0 }
     d_step { looked = 0; keeper = 2 }
  :: phase[0] == ENDED || (phase[1] == ENDED && (looked == 0 || looked == runs))
  fi
}

proctype Reader() {
  byte x, n; bit miss;
  do :: x < ND - 1 -> x++ :: break od;
end:
  atomic { IS_SNAPSHOT(dir[x].name); n = dir[x].name; dir[x].open = 1 }                         /* realpath, open */
  if
  :: d_step { dir[x].ex == 0; ADD(dir[x].sh, NL) }                                              /* flock LOCK_SH, again and again */
  :: dir[x].ex && MUT == 16                                                                     /* refused: never mind */
  fi;
  miss = miss | !dir[x].f[0]; miss = miss | !dir[x].f[1]; miss = miss | !dir[x].root;           /* what is there */
  d_step { NEVER(damaged_was_said, CHECKED(TOLD) && dir[x].name == n && miss) }                 /* lstat: another name or none, then it was removed */
  atomic { DROP(dir[x].sh, NL); dir[x].open = 0; x = 0; n = 0; miss = 0 }
}

init {
  atomic {
    byte k;
    content[0] = 1; content[1] = 1; cur[1] = 1;
    if
    :: OPTED(OLD) -> dir[0].name = NAME(15, 0); dir[0].f[0] = COPIED + 3; dir[0].f[1] = COPIED + 3; dir[0].root = 15; dir[0].rec = 1;
       dir[0].asked = 1; current = NAME(15, 0)
    :: else
    fi;
    do :: k < NL -> run Launcher(k); k++ :: else -> k = 0; break od;
    run Upgrader(); run Clock();
    if :: KILLS > 0 -> run Killer() :: else fi;
    if :: OPTED(DAMAGE) -> run Damager() :: else fi;
    if :: OPTED(READER) -> run Reader() :: else fi;
    if :: OPTED(KEEPER) -> run Keeper() :: else fi
  }
}
