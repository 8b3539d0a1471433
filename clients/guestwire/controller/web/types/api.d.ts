/* The documents of the controller's API. Made by deploy/web/api_types.py from deploy/docs/reference/openapi.json: `make docs`. */

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description Who may talk to whom; the first rule that fits decides, and where there are rules and none fits, nothing passes. An allow
         *     lets answers back. `src` and `dst` are guests, HOST, REMOTE, a CIDR or "*".
         */
        AclRule: {
            /**
             * @default allow
             * @enum {string}
             */
            action: "allow" | "deny";
            /** @default * */
            dst: string;
            port?: number | null;
            /**
             * @default any
             * @enum {string}
             */
            protocol: "any" | "tcp" | "udp" | "icmp";
            /** @default * */
            src: string;
        };
        /** @description How one network adapter of the host gets its addresses (SM 13.1.3). `addresses` with prefix length. */
        Adapter: {
            /** @default [] */
            addresses: string[];
            /** @default true */
            dhcp: boolean;
            /** @default [] */
            dns: string[];
            gateway?: string | null;
            name: string;
        };
        /** @description Alarms as they are now. */
        AlarmList: {
            items: components["schemas"]["AlarmShown"][];
        };
        /**
         * @description `hosts`: a selection; empty: every host. `for_s`: how long it must hold before it is told (of metrics, presence and connections).
         *     `clear_after_s`: when an alarm of an event is over by itself; None: when somebody says so. `summary`: what people read, with
         *     {host}, {value}, {text} and the labels of the series ({guest}, ...) filled in.
         */
        AlarmRule: {
            clear_after_s?: number | null;
            /** @default true */
            enabled: boolean;
            /** @default 0 */
            for_s: number;
            /** @default  */
            hosts: string;
            /**
             * @default warning
             * @enum {string}
             */
            severity: "info" | "warning" | "critical";
            /** @default {host}: {text} */
            summary: string;
            trigger: components["schemas"]["MetricTrigger"] | components["schemas"]["PresenceTrigger"] | components["schemas"]["NoticeTrigger"] | components["schemas"]["TroubleTrigger"] | components["schemas"]["ConnectionTrigger"];
        };
        /**
         * @description An alarm. `part`: which of a host's series, guests or services it is about; empty: the host itself. `since`: since when the
         *     condition holds; `times`: how often it was told while it was open. `cleared_by` empty: it was over by itself. `source_lost_at`:
         *     since when nobody knows whether it holds on, because the host, or its series, is not heard; null: that is known. `host` empty:
         *     it is about the connection to a whole site.
         */
        AlarmShown: {
            acknowledged_at: number | null;
            acknowledged_by: string;
            cleared_at: number | null;
            cleared_by: string;
            host: string;
            id: string;
            last_at: number;
            note: string;
            part: string;
            raised_at: number;
            rule: string;
            severity: string;
            since: number;
            site: string;
            source_lost_at: number | null;
            /** @enum {string} */
            state: "active" | "acknowledged" | "cleared";
            text: string;
            times: number;
            value: number | null;
        };
        /** @description Which alarms, and what there is to say of them. */
        AlarmsMeant: {
            alarms: string[];
            /** @default  */
            note: string;
        };
        /**
         * @description How a plan is to be carried out. `confirm_s`: undo everything unless it is confirmed in that time; `confirm`: auto: the
         *     controller does that over a new connection, manual: a person does. `destroy`: disk images whose loss is agreed to.
         *     `approval_id`: whose mandate it goes by, where the plan disrupts. `not_before` (Unix ms), `window`: when it may begin.
         *     `deadline_s`: after that it is not begun any more.
         */
        ApplyOptions: {
            approval_id?: string | null;
            /** @default  */
            comment: string;
            /**
             * @default auto
             * @enum {string}
             */
            confirm: "auto" | "manual";
            confirm_s?: number | null;
            /** @default 86400 */
            deadline_s: number;
            /** @default [] */
            destroy: string[];
            not_before?: number | null;
            plan_id: string;
            window?: string | null;
        };
        /** @description An approval with its mandates, and the jobs that wait for it or went by it (the first five hundred). */
        ApprovalDetail: {
            created_at: number;
            decided_at?: number | null;
            decided_by?: string | null;
            expires_at: number;
            hosts: string[];
            hosts_total: number;
            id: string;
            /** @default [] */
            jobs: string[];
            mandates: components["schemas"]["MandateView"][];
            note: string;
            operations: string[];
            person: string;
            /** @default  */
            reason: string;
            revision: number;
            risk: number;
            rollout?: string | null;
            /** @default [] */
            signed_by: string[];
            /** @enum {string} */
            state: "open" | "approved" | "rejected" | "expired" | "withdrawn";
            /** @default false */
            yours: boolean;
        };
        /**
         * @description Something that takes a signature. `hosts`: the first hundred of `hosts_total`. `yours`: you have an enrolled key whose
         *     signature is missing. Times in Unix ms.
         */
        ApprovalView: {
            created_at: number;
            decided_at?: number | null;
            decided_by?: string | null;
            expires_at: number;
            hosts: string[];
            hosts_total: number;
            id: string;
            note: string;
            operations: string[];
            person: string;
            /** @default  */
            reason: string;
            revision: number;
            risk: number;
            rollout?: string | null;
            /** @default [] */
            signed_by: string[];
            /** @enum {string} */
            state: "open" | "approved" | "rejected" | "expired" | "withdrawn";
            /** @default false */
            yours: boolean;
        };
        /**
         * @description How often a host is tried in all, and after which failures again: by what its error says about sending again, and no
         *     sooner than after `after_s`. What ended indeterminate is never tried again by itself.
         */
        Attempts: {
            /** @default 60 */
            after_s: number;
            /** @default 1 */
            most: number;
            /**
             * @default [
             *       "same-request",
             *       "new-request",
             *       "after"
             *     ]
             */
            when: ("same-request" | "new-request" | "after")[];
        };
        /**
         * @description What a check of the whole log found. `rows`: how many there are, of which `oldest` is the first; those before it were pruned.
         *     `broken`: the first row that is not what it should be; null: every one is. `why`: what is wrong. `signed`: how far the
         *     controller's key vouches for it; null: it has no key.
         */
        AuditChecked: {
            broken: number | null;
            hash: string;
            oldest: number;
            rows: number;
            signed: components["schemas"]["AuditSigned"] | null;
            why: string | null;
        };
        /**
         * @description A row. `outcome`: `ok`, or the code of what it was refused with. `person`: `controller` for what it did by itself, empty for
         *     somebody unknown. `hash`: SHA-256 over the row and the hash of the one before it.
         */
        AuditShown: {
            action: string;
            address: string;
            at: number;
            detail: {
                [key: string]: unknown;
            };
            hash: string;
            outcome: string;
            person: string;
            person_id: string;
            request_id: string;
            seq: number;
            target: string;
            token_id: string;
        };
        /**
         * @description The last row that the controller has signed as the end of its log, and when. `verified`: the signature was checked, by the
         *     trust document of that site.
         */
        AuditSigned: {
            at: number;
            principal: string;
            seq: number;
            site: string;
            verified: boolean;
        };
        /**
         * @description `active`: guests whose mode is not off are started with the host, in their order (SM 6). `standalone`: no desktop on
         *     the host; one general purpose guest has the console.
         */
        Autostart: {
            /** @default false */
            active: boolean;
            /** @default false */
            standalone: boolean;
        };
        /** @description A role on some hosts. */
        BindingShown: {
            role: string;
            scope: string;
        };
        /** @description A role on some hosts. `scope`: `*`, `site:SITE`, `group:GROUP` or `host:SITE/HOST`. */
        BindingWritten: {
            /**
             * @example operator
             * @enum {string}
             */
            role: "observer" | "operator" | "engineer" | "admin";
            /** @example site:plant */
            scope: string;
        };
        /** @description Every role of one user: there are few. */
        Bindings: {
            items: components["schemas"]["BindingShown"][];
        };
        /** @description The hosts that go first: the ones named, a number, or a percentage of all. Exactly one of them is given. */
        Canary: {
            count?: number | null;
            hosts?: string[] | null;
            percent?: number | null;
        };
        /** @description What is to be signed: Ed25519 over the bytes "guestwire user key 1", a zero byte, `challenge`, and one's name in UTF-8. */
        ChallengeGiven: {
            challenge: string;
            expires_at: number;
        };
        /** @description One value that is another one now. `path`: its place, as edits and issues write it. null: nothing is or was there. */
        Changed: {
            after?: components["schemas"]["JsonValue"];
            before?: components["schemas"]["JsonValue"];
            path: string;
        };
        /** @description How many were forgotten. */
        Cleared: {
            cleared: number;
        };
        /** @description A host whose clock was wrong: its times were shifted by `offset_ms`, last at `at`. Where its samples lie in time is an estimate. */
        ClockShown: {
            at: number;
            host: string;
            offset_ms: number;
            site: string;
        };
        /** @description A way to a site or to one host: a client's context with a name. */
        Connection: {
            address?: string | null;
            authority?: string | null;
            /** @default [] */
            brokers: string[];
            ca?: string | null;
            certificate?: string | null;
            certificate_key?: string | null;
            client?: string | null;
            controller?: string | null;
            host?: string | null;
            key?: string | null;
            name: string;
            password_file?: string | null;
            root?: string | null;
            site: string;
            socket?: string | null;
            token_file?: string | null;
            /**
             * @default auto
             * @enum {string}
             */
            transport: "auto" | "mqtt5" | "aiomqtt";
            trust?: string | null;
            username?: string | null;
            /**
             * @default mqtt
             * @enum {string}
             */
            via: "mqtt" | "socket" | "tcp" | "controller";
        };
        /** @description Why a connection is not up. */
        ConnectionProblem: {
            code: string;
            message: string;
        };
        /**
         * @description A connection of the controller, to a site or to one host, that is not up. With `hosts` in the rule: one that leads to some of
         *     them.
         */
        ConnectionTrigger: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            on: "connection";
        };
        /**
         * @description A connection. `where`: the brokers, the address or the socket. `host`: it leads to that host alone, None: to all of the
         *     site. `up_at`: since when it stands, Unix ms, 0: it does not. `client`: as whom it goes. `configured`: it is in the
         *     configuration file.
         */
        ConnectionView: {
            client: string | null;
            configured: boolean;
            error: components["schemas"]["ConnectionProblem"] | null;
            host: string | null;
            name: string;
            site: string;
            /** @enum {string} */
            state: "up" | "connecting" | "waiting" | "failed";
            trust_revision: [
                number,
                number
            ] | null;
            up_at: number;
            via: string;
            where: string[];
        };
        /**
         * @description One host's configuration. `base_revision` is the active revision that it was edited from, `base_topology` the
         *     fingerprint of the machine it was made for. `host_cpuset`: CPUs kept for the host; None: all that no rt guest has.
         */
        Desired: {
            /** @default [] */
            areas: components["schemas"]["MemoryArea"][];
            /**
             * @default {
             *       "active": false,
             *       "standalone": false
             *     }
             */
            autostart: components["schemas"]["Autostart"];
            base_revision?: number | null;
            base_topology?: string | null;
            /** @default [] */
            events: components["schemas"]["Event"][];
            /** @default [] */
            guests: components["schemas"]["Guest"][];
            host_cpuset?: string | null;
            /** @default [] */
            images: components["schemas"]["Image"][];
            /** @default [] */
            locks: components["schemas"]["Lock"][];
            /** @default [] */
            networks: components["schemas"]["VirtualNet"][];
            /**
             * @default {
             *       "allow_rt_overlap": false,
             *       "dynamic_cpu": true,
             *       "on_drift": "report",
             *       "profile": "kvm-rt",
             *       "remaining_host_memory_mib": 1024
             *     }
             */
            policy: components["schemas"]["Policy"];
            /** @default [] */
            queues: components["schemas"]["Queue"][];
            /**
             * @default {
             *       "adapters": [],
             *       "hugepages": []
             *     }
             */
            settings: components["schemas"]["HostSettings"];
            /** @default [] */
            templates: components["schemas"]["Template"][];
        };
        /** @description Boot a kernel from the host's files, without a boot loader (libvirt <os><kernel>). */
        DirectBoot: {
            /** @default  */
            cmdline: string;
            initrd?: string | null;
            kernel: string;
        };
        /**
         * @description One block device of a guest.
         *
         *     `path` None: for a cdrom an empty drive; for a disk a place of its own below the host's first disk root. `size_mib` is the
         *     size the guest sees: an image that is missing is made with it by the apply, one that is smaller grows, none ever shrinks;
         *     None: the image must exist. `clone_of`: a missing image is made as a copy of this one. `shareable`: several guests may
         *     write to it (a cluster file system), so DISK-SHARED does not apply.
         */
        Disk: {
            clone_of?: string | null;
            /**
             * @default disk
             * @enum {string}
             */
            device: "disk" | "cdrom";
            /**
             * @default qcow2
             * @enum {string}
             */
            format: "qcow2" | "raw";
            path?: string | null;
            /** @default false */
            read_only: boolean;
            /** @default false */
            shareable: boolean;
            size_mib?: number | null;
        };
        /**
         * @description A draft after an edit. `changes`: what the edit changed. `merged`: others had changed it since the revision that was
         *     edited, and both are in it now.
         */
        DraftChanged: {
            at: number;
            author: string;
            base_revision?: number | null;
            /** @default [] */
            changes: components["schemas"]["Changed"][];
            /** @default 0 */
            errors: number;
            findings: components["schemas"]["Findings"];
            host: string;
            /** @default false */
            merged: boolean;
            /** @default 0 */
            more: number;
            revision: number;
            site: string;
            /** @enum {string} */
            state: "none" | "clean" | "dirty" | "behind" | "diverged";
            /** @default 0 */
            warnings: number;
        };
        /**
         * @description What a draft would be after edits that were not kept. `revision`: of the draft that they were tried on. `mistakes`: what
         *     cannot be read; then there is nothing else to be told.
         */
        DraftChecked: {
            /** @default [] */
            changes: components["schemas"]["Changed"][];
            /**
             * @default {
             *       "errors": 0,
             *       "issues": [],
             *       "more": 0,
             *       "not_checked": [],
             *       "warnings": 0
             *     }
             */
            findings: components["schemas"]["Findings"];
            /** @default [] */
            items: components["schemas"]["PlanItem"][];
            /** @default [] */
            mistakes: components["schemas"]["Issue"][];
            /** @default 0 */
            more: number;
            revision: number;
            state?: ("none" | "clean" | "dirty" | "behind" | "diverged") | null;
        };
        /**
         * @description One edit.
         *
         *     set, append, take    `value` of `path`: "guest.rtlinux.memory_mib"; append and take are for lists
         *     default              `path` back to its default; of a list's entry or a guest: remove it
         *     add, remove, rename  the guest, area, ... at `path` ("guest.rtlinux"); add: `value` has its fields; rename: the new name
         *     A value that is a text is read as the command line reads it ("256M", "2,2,1"); any other is taken as it is.
         */
        DraftEdit: {
            /**
             * @default set
             * @enum {string}
             */
            op: "set" | "append" | "take" | "default" | "add" | "remove" | "rename";
            path: string;
            value?: components["schemas"]["JsonValue"];
        };
        /**
         * @description A draft in a list. `base_revision`: the revision of the host that it was edited from; null: none. `state`: how it stands
         *     to the host as that was last asked. Times in Unix ms.
         */
        DraftHead: {
            at: number;
            author: string;
            base_revision?: number | null;
            /** @default 0 */
            errors: number;
            host: string;
            revision: number;
            site: string;
            /** @enum {string} */
            state: "none" | "clean" | "dirty" | "behind" | "diverged";
            /** @default 0 */
            warnings: number;
        };
        /**
         * @description A revision of a draft. `kind`: edit, put, merge, restore, discard, pull, rebase (pulled, with
         *     the edits on top), open, import, apply (noted as made true), hardware (made for the machine that the host is now).
         */
        DraftHistoryEntry: {
            at: number;
            author: string;
            base_revision?: number | null;
            /** @default [] */
            changes: components["schemas"]["Changed"][];
            kind: string;
            /** @default 0 */
            more: number;
            revision: number;
            summary: string;
        };
        /** @description Where somebody was in a draft. `view`: whatever their client wants to find again. */
        DraftSessionShown: {
            at: number;
            base_revision?: number | null;
            host: string;
            revision: number;
            site: string;
            /** @default {} */
            view: {
                [key: string]: components["schemas"]["JsonValue"];
            };
        };
        /**
         * @description A draft. `text`: the project file that it is, with the remarks of whoever wrote it; `document`: what it means. `items`:
         *     what an apply would change on the host as that was last asked: its revision `host_revision` (null: never asked). Where
         *     `reported_revision`, which the host says it has, is another, pull tells what it is like now.
         */
        DraftShown: {
            at: number;
            author: string;
            base_revision?: number | null;
            document: components["schemas"]["Desired"];
            /** @default [] */
            editors: components["schemas"]["Editor"][];
            /** @default 0 */
            errors: number;
            findings: components["schemas"]["Findings"];
            host: string;
            host_revision?: number | null;
            /** @default [] */
            items: components["schemas"]["PlanItem"][];
            reported_revision?: number | null;
            revision: number;
            site: string;
            /** @enum {string} */
            state: "none" | "clean" | "dirty" | "behind" | "diverged";
            text: string;
            /** @default 0 */
            warnings: number;
        };
        /** @description The project file of a draft. */
        DraftText: {
            revision: number;
            text: string;
        };
        /** @description What is to be looked at: edits of the draft, or another document; none of them: the draft as it is. */
        DraftTried: {
            document?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            edits?: components["schemas"]["DraftEdit"][] | null;
            text?: string | null;
        };
        /** @description A whole document: the text of a project file, or its content with the shape of `document` in a draft. Exactly one. */
        DraftWanted: {
            /**
             * @example {
             *       "guests": [
             *         {
             *           "name": "web",
             *           "vcpus": 2
             *         }
             *       ]
             *     }
             */
            document?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /**
             * @example schema = 1
             *
             *     [hosts.h1.guests.web]
             *     vcpus = 2
             */
            text?: string | null;
        };
        /** @description Somebody who is at the same draft, and the revision that they last saw. */
        Editor: {
            at: number;
            name: string;
            revision: number;
        };
        /** @description Which change is meant; null: the one that waits. */
        EndWanted: {
            plan_id?: string | null;
        };
        /**
         * @description `reset` auto: one waiter is let go and the event is unset again; manual: it stays set until it is reset. `signal`
         *     and `wait` name guests, HOST or REMOTE. `delivery` direct: guest to guest in the kernel, for exactly one signaller and
         *     one waiter; arbitrated: by guestwire-comm, which counts.
         */
        Event: {
            /**
             * @default arbitrated
             * @enum {string}
             */
            delivery: "arbitrated" | "direct";
            /** @default false */
            initial: boolean;
            name: string;
            /**
             * @default auto
             * @enum {string}
             */
            reset: "auto" | "manual";
            /** @default [] */
            signal: string[];
            /** @default [] */
            wait: string[];
        };
        /** @description All examples: there are few. */
        ExampleList: {
            items: components["schemas"]["ExampleShown"][];
        };
        /** @description An example to begin with. */
        ExampleShown: {
            /** @default [] */
            guests: string[];
            name: string;
            summary: string;
            /** @default  */
            text: string;
        };
        /** @description Whose draft an example becomes; else as `OpenWanted`. */
        ExampleWanted: {
            host: string;
            overwrite?: number | null;
            /** @default false */
            preview: boolean;
        };
        /** @description A day that is not like its weekday: closed, or open at other times. Counts for windows that begin on that day. */
        Except: {
            date: string;
            end?: string | null;
            start?: string | null;
        };
        /** @description A configuration in a format. `not_carried`: what that format cannot say. */
        Exported: {
            files: components["schemas"]["File"][];
            /** @enum {string} */
            format: "guestwire" | "kvmrt" | "libvirt" | "templates";
            /** @default [] */
            not_carried: string[];
        };
        /** @description What is wrong with one field. `field`: its path, as `items.3.name`; `message` is for people. */
        FieldError: {
            field: string;
            message: string;
        };
        /** @description A file. `name` is fit to be one's name. */
        File: {
            name: string;
            text: string;
        };
        /** @description Files of another tool. libvirt: a domain each; templates: os.xml, images.xml or TOML. */
        FilesTaken: {
            /** @enum {string} */
            format: "guestwire" | "kvmrt" | "libvirt" | "templates";
            texts: string[];
        };
        /**
         * @description What the rules say. `not_checked`: codes that need a fact which only the host has; `more`: at least so many issues were
         *     left out. `facts_at`: when the host was last asked (Unix ms); null: never.
         */
        Findings: {
            /** @default 0 */
            errors: number;
            facts_at?: number | null;
            /** @default [] */
            issues: components["schemas"]["Issue"][];
            /** @default 0 */
            more: number;
            /** @default [] */
            not_checked: string[];
            /** @default 0 */
            warnings: number;
        };
        /** @description The first administrator. `token`: what the controller printed when it started. */
        FirstUser: {
            /** @example anna */
            name: string;
            /** @example correct horse battery staple */
            password: string;
            token: string;
        };
        /**
         * @description Telemetry that a host has lost, or that nobody could read: `numbers` batches or notices between `since` and `until`. What there
         *     is of that time is not all there was.
         */
        GapShown: {
            host: string;
            numbers: number;
            since: number;
            site: string;
            /** @enum {string} */
            spool_class: "audit" | "alarm" | "notice" | "metric";
            text: string;
            told_at: number;
            until: number;
            /** @enum {string} */
            why: "dropped" | "unreadable";
        };
        /** @description What is missing, and whose clocks were wrong. `gaps`: the newest first, at most a thousand. */
        Gaps: {
            clocks: components["schemas"]["ClockShown"][];
            gaps: components["schemas"]["GapShown"][];
        };
        /** @description A group. `hosts`: how many hosts it has now, of those that whoever asks may see. */
        Group: {
            changed_at: number;
            changed_by: string;
            description: string;
            hosts: number;
            name: string;
            revision: number;
            selection: string;
        };
        /** @description A group to be made, with its name. */
        GroupMade: {
            /** @default  */
            description: string;
            name: string;
            selection: string;
        };
        /** @description What a group is to be. `selection`: which hosts it has, as `site=plant label.line=3`. */
        GroupWords: {
            /** @default  */
            description: string;
            selection: string;
        };
        /**
         * @description A guest as it is configured. What is None and can be settled (identifiers, MACs, a disk's place) is given by the host
         *     when the guest is applied, and stays.
         *
         *     topology      auto: one socket, as many cores as vCPUs, one thread (KVM-RT 3)
         *     memory_mib    what the guest boots with; heap_mib: memory of an rt guest from a shared area (SM 7.1)
         *     hugepages_mib size of the pages its memory is made of; 0: ordinary pages
         *     lock_memory   all pages stay in RAM; auto: for rt guests
         *     numatune      NUMA nodes its memory comes from, an ID set; auto: those of its cpuset; "": none
         *     rtos_id       0..4, its number in the communication of rt and gp_comm guests; gpos_id: 1..9 of gp and gp_comm guests
         *     devices       PCI addresses (0000:01:00.0) or usb:VENDOR:PRODUCT, given to it exclusively
         *     autostart     console: with a viewer on the host; order: lower first
         *     disabled      never started, and left out of what asks whether guests fit the machine, unless asked for (KVM-RT 3)
         *     persistence   ephemeral: what it writes to its disks is forgotten when it stops
         *     tags          `edge`: the one that faces the outside network
         */
        Guest: {
            arch?: string | null;
            /**
             * @default off
             * @enum {string}
             */
            autostart: "off" | "headless" | "console";
            boot?: components["schemas"]["DirectBoot"] | null;
            /** @default true */
            comm_enabled: boolean;
            /** @default  */
            comments: string;
            cpuset?: string | null;
            /** @default  */
            description: string;
            /** @default [] */
            devices: string[];
            /** @default false */
            disabled: boolean;
            /** @default [] */
            disks: components["schemas"]["Disk"][];
            /**
             * @default bios
             * @enum {string}
             */
            firmware: "bios" | "uefi";
            gpos_id?: number | null;
            /** @default 0 */
            heap_mib: number;
            /** @default false */
            hide_kvm: boolean;
            /**
             * @default 0
             * @enum {integer}
             */
            hugepages_mib: 0 | 2 | 1024;
            id?: string | null;
            image?: string | null;
            /**
             * @default gp
             * @enum {string}
             */
            kind: "rt" | "gp_comm" | "gp";
            /** @default auto */
            lock_memory: "auto" | boolean;
            /** @default 512 */
            memory_mib: number;
            name: string;
            /** @default [] */
            nics: components["schemas"]["Nic"][];
            /** @default auto */
            numatune: string;
            /** @default 0 */
            order: number;
            /** @default linux */
            os_type: string;
            /** @default [] */
            overrides: components["schemas"]["Override"][];
            /**
             * @default persistent
             * @enum {string}
             */
            persistence: "persistent" | "ephemeral";
            /** @default [] */
            port_forwards: components["schemas"]["PortForward"][];
            /**
             * @default {
             *       "by": "never",
             *       "within_s": 120
             *     }
             */
            ready_when: components["schemas"]["ReadyWhen"];
            rtos_id?: number | null;
            /** @default [] */
            services: ("log" | "ping" | "flush" | "data")[];
            /** @default [] */
            shares: components["schemas"]["guestwire__model__guest__Share"][];
            /** @default [] */
            tags: string[];
            /** @default  */
            title: string;
            /** @default auto */
            topology: "auto" | [
                number,
                number,
                number
            ];
            uuid?: string | null;
            /** @default 1 */
            vcpus: number;
        };
        /** @description A guest as its host last told of it, at `as_of`. `state` is unknown while the host is not there; `last_state`: what it was. */
        GuestSeen: {
            as_of: number;
            id: string;
            kind: string;
            last_state: string;
            name: string;
            reason: string;
            source: string;
            state: string;
            uuid: string;
        };
        /** @description Whether the draft for the machine is kept. false: only what it would be is told. */
        HardwareWanted: {
            /** @default true */
            save: boolean;
        };
        /** @description `ok`: the process answers. */
        Health: {
            /** @default true */
            ok: boolean;
        };
        /**
         * @description A host. `given_label`: that which people gave it; `why`: the reason of its last word; `since_at`: since when it is connected in this epoch; `back_by_at`: when it
         *     means to be back from what it said goodbye for. `held_back`: telemetry and notices that nobody kept, because the host is
         *     not approved. `last_known`: null where it has told nothing yet. `key_id`: that of the key which its site's trust document has for it,
         *     as `guestwire site show` and, on the host, `guestwire-agent enrol` print it; null where there is none.
         */
        HostDetail: {
            active_revision: number;
            agent_version: string;
            approval: string;
            approved_at: number;
            approved_by: string;
            back_by_at: number;
            boot_id: string;
            clock: string;
            cpus: number;
            drift: number | null;
            driver: string;
            epoch: number;
            first_seen_at: number;
            given_label: string;
            guest_list: components["schemas"]["GuestSeen"][];
            guests: number;
            guests_running: number | null;
            heard_at: number;
            held_back: number;
            host: string;
            hostname: string;
            kernel: string;
            key_id: string | null;
            label: string;
            labels: {
                [key: string]: string;
            };
            last_known: components["schemas"]["LastKnown"] | null;
            listed: boolean;
            machine: string;
            memory_mib: number;
            notes: string;
            reboot: boolean | null;
            revision: number;
            since_at: number;
            site: string;
            state: ("online" | "suspect" | "offline" | "flapping") | "unknown";
            state_at: number;
            sync: string;
            why: string;
        };
        /** @description What a host said, and when that was heard, Unix ms. Bytes are in hexadecimal. */
        HostDocument: {
            document: {
                [key: string]: unknown;
            };
            heard_at: number;
        };
        /** @description Every log of one host, the newest first: there are few. */
        HostLogList: {
            items: components["schemas"]["HostLogShown"][];
        };
        /** @description A host's log, as far as it was collected: rows `first` to `seq`. `trouble`: what was found wrong with it last. */
        HostLogShown: {
            acknowledged: number;
            began_at: number;
            collected_at: number;
            first: number;
            hash: string;
            log: string;
            seq: number;
            trouble: string;
            trouble_at: number | null;
            trouble_seq: number | null;
        };
        /**
         * @description A row of a host's log. `said`: what it says. `row`: its exact bytes, `hash`: of it and the row before it. `mark`: `broken` where
         *     it does not follow from that one, `unsigned` where the host did not sign the end that it leads to, else empty.
         */
        HostRowShown: {
            at: number;
            hash: string;
            log: string;
            mark: string;
            row: string;
            said: {
                [key: string]: unknown;
            };
            seq: number;
        };
        /**
         * @description autologin: the user who is logged in at boot, "" for nobody. bootloader_timeout in seconds. swap_mib: 0 is no swap
         *     file. removable_media: USB storage is watched for and offered to guests. ip_forward: the host routes between its
         *     adapters. airgap: the host itself has no address on its physical adapters. irq_affinity: the CPUs that serve interrupts
         *     (irqaffinity=), a CPU list that holds CPU 0.
         */
        HostSettings: {
            /** @default [] */
            adapters: components["schemas"]["Adapter"][];
            airgap?: boolean | null;
            autologin?: string | null;
            bootloader_timeout?: number | null;
            /** @default [] */
            hugepages: components["schemas"]["HugePool"][];
            ip_forward?: boolean | null;
            irq_affinity?: string | null;
            removable_media?: boolean | null;
            swap_mib?: number | null;
        };
        /**
         * @description A host in a list. Times in Unix ms, 0 where there is none. `label`: what people call it, else what its own settings say.
         *     `state_at`: since when it is in its state; `heard_at`: its last sign of life, which is written now and then only.
         *
         *     How it does is not known of a host that is offline or unknown, nor of one that has not told: then `guests_running`, `drift` and
         *     `reboot` are null, `clock` and `sync` are `unknown`.
         */
        HostSummary: {
            active_revision: number;
            agent_version: string;
            approval: string;
            clock: string;
            cpus: number;
            drift: number | null;
            driver: string;
            epoch: number;
            guests: number;
            guests_running: number | null;
            heard_at: number;
            host: string;
            hostname: string;
            kernel: string;
            label: string;
            labels: {
                [key: string]: string;
            };
            listed: boolean;
            machine: string;
            memory_mib: number;
            reboot: boolean | null;
            revision: number;
            site: string;
            state: ("online" | "suspect" | "offline" | "flapping") | "unknown";
            state_at: number;
            sync: string;
        };
        /** @description What is to be said of a host; what is left out stays. In `labels` a null takes that label away, and other labels stay. */
        HostWords: {
            label?: string | null;
            labels?: {
                [key: string]: string | null;
            } | null;
            notes?: string | null;
        };
        /**
         * @description Which hosts are let in, of those that wait for it; an empty selection is all of them. Some hundred at a time: ask again while
         *     the answer says that some are left.
         */
        HostsToLetIn: {
            /** @example site=plant label.line=3 */
            selection: string;
        };
        /** @description How many huge pages of a size the host keeps. `node` None: over all nodes, as the kernel spreads them. */
        HugePool: {
            node?: number | null;
            pages: number;
            size_mib: number;
        };
        /**
         * @description An operating system to boot. `os_type` is the type of its template (TEMPLATE-TYPE-MISMATCH). Sizes in MiB.
         *
         *     `default_memory_mib`: what a guest of this image has that a project document gives none (`formats.image_memory`); 0: what
         *     guests have otherwise. `auto_smp` (SM 4.10, _SMPAUTO) is kept for the registries' sake: a guest's vcpus are its own.
         *
         *     `path` is a kernel for a direct boot (with `initrd` and `cmdline`) or a disk image (`format`). `base_address` is where an
         *     image that cannot be moved wants its memory: checked on simulated hosts, advisory under KVM (SM 7.1).
         */
        Image: {
            /** @default 1 */
            align_mib: number;
            /** @default x86_64 */
            arch: string;
            /** @default false */
            auto_smp: boolean;
            base_address?: number | null;
            /** @default  */
            cmdline: string;
            /** @default 0 */
            default_memory_mib: number;
            /**
             * @default kernel
             * @enum {string}
             */
            format: "kernel" | "qcow2" | "raw";
            id: string;
            initrd?: string | null;
            /** @default 0 */
            min_memory_mib: number;
            /** @default  */
            name: string;
            os_type: string;
            path: string;
            /** @default false */
            shm_as_heap: boolean;
        };
        /** @description As whom a site's trust document knows a key, and up to which class of risk. */
        InTrustShown: {
            principal: string;
            risk: number;
            role: string | null;
            site: string;
        };
        /**
         * @description `severity` E blocks an apply, W reminds. `path` is the place in the document ("guests.rtlinux.cpuset"), `related` what
         *     else takes part (paths or names), `hint` what to do.
         */
        Issue: {
            code: string;
            /** @default  */
            hint: string;
            message: string;
            path: string;
            /** @default [] */
            related: string[];
            /** @enum {string} */
            severity: "E" | "W";
        };
        /**
         * @description A job with what came of it: `reply` is the operation's reply, `error` the whole error, bytes as hexadecimal. `final`: the
         *     host's signed answer, frame by frame, hexadecimal: proof for whoever has the site's trust document.
         */
        JobDetail: {
            accepted_at?: number | null;
            approval?: string | null;
            attempts: number;
            cancel_at?: number | null;
            cancel_by?: string | null;
            code?: string | null;
            created_at: number;
            deadline_at: number;
            /** @enum {string} */
            deadline_of: "order" | "approval";
            error?: {
                [key: string]: unknown;
            } | null;
            final?: string[] | null;
            finished: boolean;
            finished_at?: number | null;
            host: string;
            id: string;
            message?: string | null;
            not_before?: number | null;
            note: string;
            operation: string;
            origin: string;
            person: string;
            plan_id?: string | null;
            progress?: components["schemas"]["ProgressView"] | null;
            project?: string | null;
            reached: boolean;
            reply?: {
                [key: string]: unknown;
            } | null;
            request_id?: string | null;
            retried_by?: string | null;
            retry_of?: string | null;
            revision: number;
            risk: number;
            rollout?: string | null;
            sent_at?: number | null;
            /** @enum {string} */
            state: "queued" | "waiting-approval" | "waiting-window" | "sent" | "accepted" | "running" | "waiting-reboot" | "overdue" | "succeeded" | "failed" | "canceled" | "timed-out" | "rejected" | "indeterminate" | "rolled-back";
            verified: boolean;
            wave?: number | null;
            window?: string | null;
        };
        /**
         * @description One operation on one host. Times in Unix ms. `deadline_of`: whose end `deadline_at` is: `order`, that which was asked for;
         *     `approval`, that of the approval it goes by, which lasts seven days at most and ended before that. `request_id`: its id at the host, once it was sent. `code` and `message`: the
         *     error that it ended with, or while it has not ended the last trouble there was. `verified`: the host's signature vouches
         *     for its end. `reached`: the host has said that it has it.
         */
        JobView: {
            accepted_at?: number | null;
            approval?: string | null;
            attempts: number;
            cancel_at?: number | null;
            cancel_by?: string | null;
            code?: string | null;
            created_at: number;
            deadline_at: number;
            /** @enum {string} */
            deadline_of: "order" | "approval";
            finished: boolean;
            finished_at?: number | null;
            host: string;
            id: string;
            message?: string | null;
            not_before?: number | null;
            note: string;
            operation: string;
            origin: string;
            person: string;
            plan_id?: string | null;
            progress?: components["schemas"]["ProgressView"] | null;
            project?: string | null;
            reached: boolean;
            request_id?: string | null;
            retried_by?: string | null;
            retry_of?: string | null;
            revision: number;
            risk: number;
            rollout?: string | null;
            sent_at?: number | null;
            /** @enum {string} */
            state: "queued" | "waiting-approval" | "waiting-window" | "sent" | "accepted" | "running" | "waiting-reboot" | "overdue" | "succeeded" | "failed" | "canceled" | "timed-out" | "rejected" | "indeterminate" | "rolled-back";
            verified: boolean;
            wave?: number | null;
            window?: string | null;
        };
        /**
         * @description An operation to be carried out, on the hosts named (`SITE/HOST`) or on those that a selection means now: exactly one of
         *     them. `body`: the operation's request, bytes as hexadecimal. `deadline_s`: after that nothing is sent any more; a host that
         *     is away may come back within that time. `not_before`: Unix ms; `window`: a maintenance window outside of which nothing is
         *     sent. `approval`: an approval that is there already; `mandate`: a signed mandate, base64; else what takes a person's
         *     signature waits for it.
         */
        JobWanted: {
            approval?: string | null;
            /**
             * @default {}
             * @example {
             *       "guest": "rtlinux"
             *     }
             */
            body: {
                [key: string]: unknown;
            };
            /** @default 3600 */
            deadline_s: number;
            /**
             * @example [
             *       "plant/h1"
             *     ]
             */
            hosts?: string[] | null;
            mandate?: string | null;
            not_before?: number | null;
            /** @default  */
            note: string;
            /** @example guest-start */
            operation: string;
            selection?: string | null;
            window?: string | null;
        };
        /** @description The jobs that were made, one for each host. */
        JobsMade: {
            items: components["schemas"]["JobView"][];
        };
        JsonValue: unknown;
        /** @description All keys of one user, revoked ones too: there are few. */
        KeyList: {
            items: components["schemas"]["KeyShown"][];
        };
        /** @description An enrolled key. `in_trust`: the sites whose hosts believe it at this moment; none: it signs nothing yet. */
        KeyShown: {
            enrolled_at: number;
            id: string;
            in_trust: components["schemas"]["InTrustShown"][];
            label: string;
            public_key: string;
            revoked_at: number | null;
        };
        /** @description A public key, and the proof that one has its private half. Bytes in hexadecimal. */
        KeyWanted: {
            challenge: string;
            /** @example laptop */
            label: string;
            public_key: string;
            signature: string;
        };
        /**
         * @description How a host did when it last told, whether it is there or not. `as_of`: when that was heard, Unix ms; its clock it tells of
         *     when it is read as a whole.
         */
        LastKnown: {
            as_of: number;
            clock: string;
            drift: number;
            guests_running: number;
            reboot: boolean;
            sync: string;
        };
        /** @description Hosts that were let in, and how many of the selection still wait. */
        LetIn: {
            hosts: components["schemas"]["HostSummary"][];
            left: number;
        };
        Listing_AlarmShown_: {
            items: components["schemas"]["AlarmShown"][];
            next?: string | null;
        };
        Listing_ApprovalView_: {
            items: components["schemas"]["ApprovalView"][];
            next?: string | null;
        };
        Listing_AuditShown_: {
            items: components["schemas"]["AuditShown"][];
            next?: string | null;
        };
        Listing_ConnectionView_: {
            items: components["schemas"]["ConnectionView"][];
            next?: string | null;
        };
        Listing_DraftHead_: {
            items: components["schemas"]["DraftHead"][];
            next?: string | null;
        };
        Listing_DraftHistoryEntry_: {
            items: components["schemas"]["DraftHistoryEntry"][];
            next?: string | null;
        };
        Listing_Group_: {
            items: components["schemas"]["Group"][];
            next?: string | null;
        };
        Listing_HostRowShown_: {
            items: components["schemas"]["HostRowShown"][];
            next?: string | null;
        };
        Listing_HostSummary_: {
            items: components["schemas"]["HostSummary"][];
            next?: string | null;
        };
        Listing_JobView_: {
            items: components["schemas"]["JobView"][];
            next?: string | null;
        };
        Listing_MetricName_: {
            items: components["schemas"]["MetricName"][];
            next?: string | null;
        };
        Listing_NoticeShown_: {
            items: components["schemas"]["NoticeShown"][];
            next?: string | null;
        };
        Listing_ProjectHead_: {
            items: components["schemas"]["ProjectHead"][];
            next?: string | null;
        };
        Listing_ProjectRevisionShown_: {
            items: components["schemas"]["ProjectRevisionShown"][];
            next?: string | null;
        };
        Listing_RolloutSummary_: {
            items: components["schemas"]["RolloutSummary"][];
            next?: string | null;
        };
        Listing_RuleShown_: {
            items: components["schemas"]["RuleShown"][];
            next?: string | null;
        };
        Listing_SeriesShown_: {
            items: components["schemas"]["SeriesShown"][];
            next?: string | null;
        };
        Listing_TargetView_: {
            items: components["schemas"]["TargetView"][];
            next?: string | null;
        };
        Listing_UserShown_: {
            items: components["schemas"]["UserShown"][];
            next?: string | null;
        };
        Listing_WebhookShown_: {
            items: components["schemas"]["WebhookShown"][];
            next?: string | null;
        };
        Listing_WindowView_: {
            items: components["schemas"]["WindowView"][];
            next?: string | null;
        };
        /** @description A lock in an area, with a fencing token. */
        Lock: {
            /** @default RtosLibMsgQueue */
            area: string;
            name: string;
        };
        /** @description Who logs in. */
        LogIn: {
            /** @example anna */
            name: string;
            /** @example correct horse battery staple */
            password: string;
        };
        LogLines: {
            lines: string[];
            /** @default false */
            truncated: boolean;
        };
        /** @description The user that was made. */
        Made: {
            id: string;
            name: string;
        };
        /**
         * @description A mandate of an approval. `text`: the exact bytes to sign, base64; a signature is Ed25519 over the domain prefix
         *     "guestwire mandate 1" with a NUL byte, then those bytes. The other fields say what is in it. `needed`: how many different
         *     signers it takes. `bodies`: SHA-256 of the requests, hexadecimal; `plans`: ids of plans; neither: any request.
         */
        MandateView: {
            bodies: string[];
            holder: string;
            hosts: string[];
            id: string;
            n: number;
            needed: number;
            not_after: number;
            not_before: number;
            note: string;
            operations: string[];
            plans: string[];
            risk: number;
            /** @default [] */
            signatures: components["schemas"]["SignerView"][];
            site: string;
            text: string;
            uses: number;
        };
        /** @description Who asks, and what they may. */
        Me: {
            bindings: components["schemas"]["BindingShown"][];
            id: string;
            must_change: boolean;
            name: string;
            token: components["schemas"]["TokenUsed"] | null;
            /** @enum {string} */
            way: "session" | "token";
        };
        /**
         * @description A guest on a network, by name; `mac` and `ip` None: derived. `isolated`: it reaches the host and the uplink, and no
         *     other guest that is isolated too.
         */
        Member: {
            guest: string;
            ip?: string | null;
            /** @default false */
            isolated: boolean;
            mac?: string | null;
        };
        /**
         * @description A named area. `size` in bytes. `default_access` holds for every guest that `overrides` (guest name: mode) does not
         *     name; both are modes as `access` reads them.
         */
        MemoryArea: {
            /** @default RWC- */
            default_access: string;
            /**
             * @default user
             * @enum {string}
             */
            kind: "user" | "system" | "heap";
            name: string;
            /** @default {} */
            overrides: {
                [key: string]: string;
            };
            size: number;
        };
        /** @description Something the agent said. `at` in Unix ms. */
        Message: {
            at: number;
            event: string;
            /** @default {} */
            fields: {
                [key: string]: string | number | boolean | null;
            };
            /** @enum {string} */
            level: "off" | "debug" | "info" | "warning" | "error";
            seq: number;
        };
        /** @description `log` names the spool (16 bytes, made with it): sequence numbers never restart within it. */
        MessageList: {
            last_seq: number;
            log: string;
            messages: components["schemas"]["Message"][];
        };
        /**
         * @description `level`: what was read, the coarsest (raw, minute, quarter, hour); `step` may be longer than was asked for where only roll-ups
         *     are left of that time. `start` and `end` are those of the steps.
         */
        MetricAnswer: {
            /** @enum {string} */
            aggregate: "avg" | "min" | "max" | "last" | "sum" | "count" | "rate" | "increase";
            clocks: components["schemas"]["ClockShown"][];
            end: number;
            gaps: components["schemas"]["GapShown"][];
            kind: ("gauge" | "counter") | null;
            level: string;
            name: string;
            series: components["schemas"]["SeriesAnswer"][];
            start: number;
            step: number;
        };
        /** @description A metric of which there are series. `unit` and `summary` are empty where this version does not know it. */
        MetricName: {
            /** @enum {string} */
            kind: "gauge" | "counter";
            labels: string[];
            name: string;
            series: number;
            summary: string;
            unit: string;
        };
        /**
         * @description The series of `selector` from `start` to `end` (Unix ms) in steps of `step` ms. `aggregate`: what a series was in one step;
         *     rate (per second) and increase are for counters. `by`: the series that agree in these labels become one; null: each for itself,
         *     empty: all become one. `across`: how; null: as it suits the aggregate.
         */
        MetricQuery: {
            across?: ("sum" | "avg" | "min" | "max" | "count") | null;
            /**
             * @default avg
             * @enum {string}
             */
            aggregate: "avg" | "min" | "max" | "last" | "sum" | "count" | "rate" | "increase";
            by?: string[] | null;
            end: number;
            selector: string;
            start: number;
            step: number;
        };
        /**
         * @description A series of which the newest value compares so. `series`: a selector, `name{label="value"}`; `rate`: by how fast a counter
         *     grows, per second, instead of its value. `over`: the name of another metric, by whose series with the same labels it is divided
         *     first. `clear`: it is over once it compares so with that value no more (None: `value`), so
         *     that what wavers around a bound is one alarm.
         */
        MetricTrigger: {
            clear?: number | null;
            /** @enum {string} */
            compare: ">" | ">=" | "<" | "<=" | "==" | "!=";
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            on: "metric";
            over?: string | null;
            /** @default false */
            rate: boolean;
            series: string;
            value: number;
        };
        /**
         * @description A network card. Connected to a virtual network of the project, else to a bridge of the host, else to the host's own
         *     address translation (QEMU's user network). `mac` None: derived from host, guest number and card number.
         */
        Nic: {
            bridge?: string | null;
            mac?: string | null;
            /**
             * @default virtio
             * @enum {string}
             */
            model: "virtio" | "e1000e" | "rtl8139";
            network?: string | null;
        };
        /** @description A notice. `at`: when the host said it; `came_at`: when it came. `said`: all that it says. */
        NoticeShown: {
            at: number;
            came_at: number;
            event: string;
            host: string;
            id: number;
            /** @enum {string} */
            notice_class: "guest" | "comm" | "config" | "audit" | "alarm";
            said: {
                [key: string]: unknown;
            };
            site: string;
        };
        /** @description A notice of these classes (none: of any), with one of these events, and with one of these codes, where some are named. */
        NoticeTrigger: {
            /** @default [] */
            classes: ("guest" | "comm" | "config" | "audit" | "alarm")[];
            /** @default [] */
            codes: string[];
            /** @default [] */
            events: string[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            on: "notice";
        };
        /** @description What keeps a plan from being carried out as it is. `code`: the error that an apply would end with. */
        Obstacle: {
            code: string;
            message: string;
        };
        /**
         * @description How a project becomes drafts. `hosts`: which of its hosts, and whose drafts they become ("site/host"); null: all of them,
         *     each its own. `overwrite`: the revisions of drafts that may be replaced, as a preview told them. `preview`: only tell what
         *     would be.
         */
        OpenWanted: {
            hosts?: {
                [key: string]: string;
            } | null;
            /** @default {} */
            overwrite: {
                [key: string]: number;
            };
            /** @default false */
            preview: boolean;
        };
        /**
         * @description What opening does to the draft of a host. `draft_revision`: the one that is there now (0: none is); `unapplied`: it has
         *     edits that were not applied, which would be lost; `changes`: what would be otherwise in it; `items`: what an apply would
         *     then change on the host as that was last asked; `removed`: guests that such an apply would take away.
         */
        Opened: {
            /** @default [] */
            changes: components["schemas"]["Changed"][];
            /** @default 0 */
            draft_revision: number;
            /** @default 0 */
            errors: number;
            host: string;
            /** @default [] */
            items: components["schemas"]["PlanItem"][];
            /** @default 0 */
            more: number;
            /** @default [] */
            removed: string[];
            target: string;
            /** @default false */
            unapplied: boolean;
            /** @default 0 */
            warnings: number;
        };
        /** @description `done`: the drafts are that now, each in its `draft_revision`; else nothing was changed. */
        OpenedAll: {
            done: boolean;
            /** @default [] */
            drafts: components["schemas"]["Opened"][];
        };
        /**
         * @description What the host answered. `verified`: its signature, or the way to it, vouches for that. `job`: the job that it was, where it
         *     had an effect.
         */
        OperationAnswer: {
            job?: string | null;
            reply: {
                [key: string]: unknown;
            };
            verified: boolean;
        };
        /** @description All operations there are; which of them a host knows, its capabilities say. */
        OperationList: {
            items: components["schemas"]["OperationView"][];
        };
        /**
         * @description An operation of hosts. `effect`: none: it only reads, and is answered at once. `risk`: the class that a key must reach: R0
         *     read, R1 reversible, R2 disruptive, R3 destructive.
         */
        OperationView: {
            effect: string;
            name: string;
            risk: number;
            served_by: string;
            summary: string;
            timeout_s: number;
        };
        /** @description A job that was made: what it is about, and where it stands. `approval_id`: the mandate that it goes by, or waits for. */
        Ordered: {
            approval_id?: string | null;
            host: string;
            job_id: string;
            plan_id: string;
            /** @enum {integer} */
            risk: 0 | 1 | 2 | 3;
            site: string;
            state: string;
        };
        /** @description The name of another project, or another name. */
        OtherName: {
            to: string;
        };
        /**
         * @description One change to the domain XML that we make: RFC 5261's add, replace and remove. `sel` is an XPath as ElementTree has
         *     it, from the domain element ("devices/disk[1]", "cpu/@mode"); `xml` the element, or the text of an attribute. Applied
         *     last, at every apply. `optional`: it is passed over where `sel` finds nothing, because what it changes has gone since.
         */
        Override: {
            /** @enum {string} */
            op: "add" | "replace" | "remove";
            /** @default false */
            optional: boolean;
            /** @default . */
            sel: string;
            /** @default  */
            xml: string;
        };
        /** @description Another password for oneself. */
        OwnPassword: {
            new: string;
            old: string;
        };
        /**
         * @description `plan_id` is a hash over the active and the desired document, topology, capabilities, options, the agent's version,
         *     the items and what is to be done for them: an apply that carries it does what was read here or nothing (PLAN-STALE).
         *     `risk`: the highest of the items. `destructive`: disk images whose content would be lost (they need to be confirmed by
         *     name). `confirm`: the change touches the way the host is managed, and is undone unless it is confirmed afterwards.
         *     `more_issues`: at least so many were left out.
         */
        Plan: {
            base_revision: number;
            /** @default false */
            confirm: boolean;
            /** @default [] */
            destructive: string[];
            host: string;
            /** @default [] */
            issues: components["schemas"]["Issue"][];
            /** @default [] */
            items: components["schemas"]["PlanItem"][];
            /** @default 0 */
            more_issues: number;
            /** @default [] */
            not_checked: string[];
            plan_id: string;
            /** @default false */
            requires_reboot: boolean;
            /**
             * @default 0
             * @enum {integer}
             */
            risk: 0 | 1 | 2 | 3;
            target_hash: string;
        };
        /**
         * @description One change. `object` is its place ("guests.rtlinux"), `field` the field of it (None: the whole). `before` and `after`
         *     are JSON texts, None where there is nothing. `outage_s`: how long what runs now is interrupted, estimated; 0: not at
         *     all. `drift`: it takes back an edit made behind our back. `waits`: it takes effect when the guest is next started. `left`:
         *     it is ours no longer, and stays on the host as it is.
         */
        PlanItem: {
            after?: string | null;
            before?: string | null;
            /** @default false */
            drift: boolean;
            /**
             * @default live
             * @enum {string}
             */
            effect: "live" | "guest_restart" | "host_reboot";
            field?: string | null;
            /** @default false */
            left: boolean;
            object: string;
            /** @enum {string} */
            op: "create" | "update" | "delete" | "attach" | "detach" | "tune";
            /** @default 0 */
            outage_s: number;
            /**
             * @default 1
             * @enum {integer}
             */
            risk: 0 | 1 | 2 | 3;
            /** @default false */
            waits: boolean;
        };
        /**
         * @description How a draft is to be planned. `restart`: running guests are restarted where a change needs it. `include_disabled`:
         *     disabled guests too must fit the machine. `remove_disks`: images that go with the change; no other ever does.
         */
        PlanOptions: {
            /** @default false */
            include_disabled: boolean;
            /** @default [] */
            remove_disks: string[];
            /** @default false */
            restart: boolean;
        };
        /**
         * @description A plan as its host made it. `origin`: apply, of `draft_revision`; rollback, to the host's revision `to_revision`;
         *     rollout, of a saved project.
         *     `obstacles`: with no word on `confirm_s` and `destroy`. `mandate`: it disrupts, so that it waits for somebody's mandate.
         *     `job_id`: the job that last carried it out, or is about to.
         */
        PlanShown: {
            at: number;
            author: string;
            draft_revision?: number | null;
            host: string;
            job_id?: string | null;
            /** @default false */
            mandate: boolean;
            /** @default [] */
            obstacles: components["schemas"]["Obstacle"][];
            /**
             * @default {
             *       "include_disabled": false,
             *       "remove_disks": [],
             *       "restart": false
             *     }
             */
            options: components["schemas"]["PlanOptions"];
            /** @enum {string} */
            origin: "apply" | "rollback" | "rollout";
            plan: components["schemas"]["Plan"];
            /**
             * @default {
             *       "remarks": [],
             *       "state": "none"
             *     }
             */
            review: components["schemas"]["Review"];
            /** @default false */
            review_required: boolean;
            site: string;
            to_revision?: number | null;
        };
        /**
         * @description kvm-rt: an rt guest has one CPU more than vCPUs and owns its SMT siblings. system-manager: the cpuset carries vCPUs
         *     only, and the limits on guests hold. `None` means the profile's own value.
         */
        Policy: {
            /** @default false */
            allow_rt_overlap: boolean;
            /** @default true */
            dynamic_cpu: boolean;
            max_comm_guests?: number | null;
            max_gp_guests?: number | null;
            /**
             * @default report
             * @enum {string}
             */
            on_drift: "report" | "adopt" | "enforce";
            /**
             * @default kvm-rt
             * @enum {string}
             */
            profile: "kvm-rt" | "system-manager";
            /** @default 1024 */
            remaining_host_memory_mib: number;
        };
        /** @description A port of the host that leads to a port of the guest (SM 4.7.2). */
        PortForward: {
            guest_port: number;
            host_port: number;
            /**
             * @default tcp
             * @enum {string}
             */
            protocol: "tcp" | "udp";
        };
        /**
         * @description A host that is in one of these states. `suspect` and `unknown` say nothing, where they are not among them: an alarm that is open
         *     stays open.
         */
        PresenceTrigger: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            on: "presence";
            states: ("online" | "suspect" | "offline" | "flapping" | "unknown")[];
        };
        /**
         * @description What a rollout would do now. `hosts`: that would take part, of which `away` are not there at the moment; each has
         *     `deadline_s` from when its turn comes. `skipped`: that could not, by reason. `risk`: the class of the operation, null for a
         *     project, where each host's plan decides. `approvals`: hosts that need somebody's mandate first. `more_hosts`: in waves that
         *     are not listed. `begun_at`: about when the last host would be begun, null where that cannot be told. `opens_at`:
         *     when its window opens next; null: it is open, or there is none.
         */
        Preview: {
            approvals: components["schemas"]["PreviewHosts"];
            away: components["schemas"]["PreviewHosts"];
            begun_at: number | null;
            hosts: number;
            more_hosts: number;
            opens_at: number | null;
            risk: number | null;
            skipped: components["schemas"]["PreviewHosts"][];
            waves: components["schemas"]["PreviewWave"][];
        };
        /** @description Hosts that have something in common. `code`, `message`: why they cannot take part. `first`: some of them, by name. */
        PreviewHosts: {
            /** @default  */
            code: string;
            first: string[];
            hosts: number;
            /** @default  */
            message: string;
        };
        /**
         * @description A wave; 0 is the canary. `first`: some of its hosts, by name. `rate`: hosts per minute, null: all at once. `begins_at`,
         *     `begun_at`: about when its first and its last host would be begun, if every host did its part at once (Unix ms); null: its
         *     window does not open.
         */
        PreviewWave: {
            begins_at: number | null;
            begun_at: number | null;
            first: string[];
            hosts: number;
            rate: number | null;
            wave: number;
        };
        /**
         * @description An error (RFC 9457). `code` is stable, and what programs go by; `title` says what to do about it, `detail` what it was this time.
         *     `retry`: whether to send it again: `no`, `same-request`, `new-request` or `after` so many seconds. `field`: what is wrong in the
         *     request; `errors`: each thing that is. `about`: more to go by, as the code has it. `instance`: this request.
         */
        Problem: {
            /** @default null */
            about: {
                [key: string]: unknown;
            } | null;
            /** @default null */
            cause: string[] | null;
            code: string;
            detail: string;
            /** @default null */
            errors: components["schemas"]["FieldError"][] | null;
            /** @default null */
            field: string | null;
            instance: string;
            kind: string;
            retry: string;
            /** @default null */
            retry_after: number | null;
            status: number;
            title: string;
            type: string;
        };
        /** @description How far it is, by the host's own words, at that time (Unix ms). */
        ProgressView: {
            at: number;
            /** @default  */
            message: string;
            percent?: number | null;
            /** @default  */
            step: string;
        };
        /** @description A project in a list. `title`: what the project file itself says. `hosts`: those it has configurations of, of its site. */
        ProjectHead: {
            at: number;
            author: string;
            /** @default [] */
            hosts: string[];
            name: string;
            revision: number;
            site: string;
        };
        /** @description What a project has of a host. */
        ProjectHost: {
            /** @default [] */
            guests: string[];
            host: string;
        };
        /** @description A project to be made, with its name. */
        ProjectMade: {
            /** @default  */
            comments: string;
            drafts?: string[] | null;
            name: string;
            site: string;
            text?: string | null;
            /** @default  */
            title: string;
        };
        /**
         * @description A saved project, as it was at a revision: each host gets its own part. `restart`: running guests are restarted where a
         *     change needs it; else it waits for their next start.
         */
        ProjectPart: {
            name: string;
            /** @default false */
            restart: boolean;
            revision: number;
        };
        /** @description A revision of a project, and what it changed. */
        ProjectRevisionShown: {
            at: number;
            author: string;
            /** @default [] */
            changes: components["schemas"]["Changed"][];
            /** @default 0 */
            more: number;
            revision: number;
            summary: string;
        };
        /** @description A project. `text`: the project file, with the remarks of whoever wrote it. */
        ProjectShown: {
            at: number;
            author: string;
            /** @default  */
            comments: string;
            /** @default [] */
            content: components["schemas"]["ProjectHost"][];
            /** @default [] */
            hosts: string[];
            name: string;
            revision: number;
            site: string;
            text: string;
            /** @default  */
            title: string;
        };
        /**
         * @description What a project is to be: the text of a project file, or the drafts of hosts as they are now. Exactly one of them.
         *     `title`, `comments`: of a project that is made of drafts.
         */
        ProjectWanted: {
            /** @default  */
            comments: string;
            drafts?: string[] | null;
            site: string;
            text?: string | null;
            /** @default  */
            title: string;
        };
        /**
         * @description How a draft is made what its host has. replace: as the host has it; merge: with the draft's edits on top. `discard`: the
         *     revision whose edits may be lost; `prefer`: whose word counts where both changed the same.
         */
        PullWanted: {
            discard?: number | null;
            /**
             * @default replace
             * @enum {string}
             */
            how: "replace" | "merge";
            prefer?: ("mine" | "theirs") | null;
        };
        /** @description A message queue in an area: a ring of fixed slots for each writer, read by one. */
        Queue: {
            /** @default RtosLibMsgQueue */
            area: string;
            name: string;
            /** @default  */
            reader: string;
            /** @default 256 */
            slot_bytes: number;
            /** @default 64 */
            slots: number;
            /** @default [] */
            writers: string[];
        };
        /**
         * @description `ready`: it can do its work. `database`: whether it answers, and took what was last to be written: a full disk, a lock;
         *     `links`: how many ways to hosts there are by their state, as `connected`: their trouble is no reason to be taken out of
         *     service.
         */
        Readiness: {
            database: boolean;
            links: {
                [key: string]: number;
            };
            ready: boolean;
        };
        /**
         * @description What makes a running guest `ready`: its guest agent answers, its console shows `text`, or its guest library says so
         *     (heartbeat: a guest with communication); never: stays running.
         *
         *     `within_s` bounds a start that waits for ready; later evidence still makes the guest ready.
         */
        ReadyWhen: {
            /**
             * @default never
             * @enum {string}
             */
            by: "guest_agent" | "console_text" | "heartbeat" | "never";
            text?: string | null;
            /** @default 120 */
            within_s: number;
        };
        /** @description Why it is not to be done. */
        Rejected: {
            /** @default  */
            reason: string;
        };
        /** @description What a person said of a plan. `verb`: comment, request, approve, reject. */
        RemarkShown: {
            at: number;
            author: string;
            /** @default  */
            note: string;
            verb: string;
        };
        /** @description Which revision of the draft is to be there again. */
        RestoreWanted: {
            revision: number;
        };
        /** @description `deadline_s`: null: as long as the first one had. */
        RetryWanted: {
            deadline_s?: number | null;
        };
        /** @description Where the review of a plan stands. `by`: whose word that is. A plan of a draft that was edited since is another one. */
        Review: {
            at?: number | null;
            by?: string | null;
            /** @default [] */
            remarks: components["schemas"]["RemarkShown"][];
            /**
             * @default none
             * @enum {string}
             */
            state: "none" | "requested" | "approved" | "rejected";
        };
        /** @description What somebody says of a plan. comment: a remark; request: somebody should look at it; approve, reject: somebody has. */
        Reviewed: {
            /** @default  */
            note: string;
            plan_id: string;
            /** @enum {string} */
            verb: "comment" | "request" | "approve" | "reject";
        };
        /**
         * @description A revision of a host, and what it changed of the one before, `changed_from` (null: that is not kept, and `changes` is all that
         *     it has). `more`: so many changes were left out. `text`: the project file.
         */
        RevisionDetail: {
            applied_at: number;
            author: string;
            changed_from: number | null;
            changes: components["schemas"]["Changed"][];
            /** @default  */
            comment: string;
            hash: string;
            job_id?: string | null;
            more: number;
            number: number;
            /**
             * @default apply
             * @enum {string}
             */
            origin: "apply" | "rollback" | "adopt" | "first";
            person?: string | null;
            text: string;
        };
        /** @description Revisions, newest first. `live`: the host said so just now; else they are those it has told of before. */
        RevisionListing: {
            items: components["schemas"]["RevisionShown"][];
            live: boolean;
            next?: string | null;
        };
        /** @description A revision of a host. `person`, `job_id`: who had it applied from here, and by which job; null: it was not. */
        RevisionShown: {
            applied_at: number;
            author: string;
            /** @default  */
            comment: string;
            hash: string;
            job_id?: string | null;
            number: number;
            /**
             * @default apply
             * @enum {string}
             */
            origin: "apply" | "rollback" | "adopt" | "first";
            person?: string | null;
        };
        /** @description Which revision of the host is to be true again; null: the one before the active one. Else as a plan. */
        RollbackWanted: {
            /** @default false */
            include_disabled: boolean;
            /** @default [] */
            remove_disks: string[];
            /** @default false */
            restart: boolean;
            to?: number | null;
        };
        /** @description A rollout, with what was asked and every wave that has begun. `revision` counts what people changed of `spec`. */
        RolloutDetail: {
            counts: {
                [key: string]: number;
            };
            created_at: number;
            /** @enum {string} */
            doing: "" | "beginning" | "waiting" | "soaking" | "joining";
            done: number;
            ended_at: number | null;
            hosts: number;
            id: string;
            joining_until: number | null;
            mode: string;
            name: string;
            next_at: number | null;
            operation: string | null;
            outcome: ("succeeded" | "partly" | "failed") | null;
            person: string;
            project: string | null;
            project_revision: number | null;
            rate: number | null;
            reason: string;
            revision: number;
            soak_until: number | null;
            spec: components["schemas"]["RolloutSpec-Output"];
            started_at: number | null;
            /** @enum {string} */
            state: "draft" | "running" | "paused" | "aborting" | "aborted" | "finished";
            wave: number | null;
            waves: components["schemas"]["WaveView"][];
        };
        /**
         * @description What can be changed while it runs. What is left out stays; `waves`, `thresholds` and `attempts` are replaced whole, but
         *     for the canary, which stays as it is.
         */
        RolloutPatch: {
            attempts?: components["schemas"]["Attempts"] | null;
            note?: string | null;
            open_s?: number | null;
            soak_s?: number | null;
            thresholds?: components["schemas"]["Thresholds"] | null;
            waves?: components["schemas"]["Waves-Input"] | null;
        };
        /**
         * @description Which hosts to try again (`SITE/HOST`); null: all that failed or took no part, but for those of which nobody can tell
         *     whether it happened.
         */
        RolloutRetry: {
            hosts?: string[] | null;
        };
        /**
         * @description A rollout. `operation` with its `body` (bytes as hexadecimal), or `project`: exactly one of them.
         *
         *     `mode`: snapshot takes the hosts that match when it starts; continuous also those that come to match within `open_s`.
         *     `deadline_s`: how long a host has once its turn has come; it may come back within that time. `patience_s`: a host that
         *     has not taken its job by then holds its wave no longer. `soak_s`: how long a wave is watched before the next.
         *     `window`: the maintenance window outside of which no host is begun.
         */
        "RolloutSpec-Input": {
            /**
             * @default {
             *       "after_s": 60,
             *       "most": 1,
             *       "when": [
             *         "same-request",
             *         "new-request",
             *         "after"
             *       ]
             *     }
             */
            attempts: components["schemas"]["Attempts"];
            /** @default {} */
            body: {
                [key: string]: unknown;
            };
            /** @default 86400 */
            deadline_s: number;
            /**
             * @default snapshot
             * @enum {string}
             */
            mode: "snapshot" | "continuous";
            name: string;
            /** @default  */
            note: string;
            /** @default 604800 */
            open_s: number;
            operation?: string | null;
            /** @default 120 */
            patience_s: number;
            project?: components["schemas"]["ProjectPart"] | null;
            /** @default 0 */
            soak_s: number;
            targets: components["schemas"]["Targets"];
            /**
             * @default {
             *       "count_unreached": false,
             *       "min_executed": 1,
             *       "success_percent": 90
             *     }
             */
            thresholds: components["schemas"]["Thresholds"];
            /**
             * @default {
             *       "factor": 1
             *     }
             */
            waves: components["schemas"]["Waves-Input"];
            window?: string | null;
        };
        /**
         * @description A rollout. `operation` with its `body` (bytes as hexadecimal), or `project`: exactly one of them.
         *
         *     `mode`: snapshot takes the hosts that match when it starts; continuous also those that come to match within `open_s`.
         *     `deadline_s`: how long a host has once its turn has come; it may come back within that time. `patience_s`: a host that
         *     has not taken its job by then holds its wave no longer. `soak_s`: how long a wave is watched before the next.
         *     `window`: the maintenance window outside of which no host is begun.
         */
        "RolloutSpec-Output": {
            /**
             * @default {
             *       "after_s": 60,
             *       "most": 1,
             *       "when": [
             *         "same-request",
             *         "new-request",
             *         "after"
             *       ]
             *     }
             */
            attempts: components["schemas"]["Attempts"];
            /** @default {} */
            body: {
                [key: string]: unknown;
            };
            /** @default 86400 */
            deadline_s: number;
            /**
             * @default snapshot
             * @enum {string}
             */
            mode: "snapshot" | "continuous";
            name: string;
            /** @default  */
            note: string;
            /** @default 604800 */
            open_s: number;
            operation?: string | null;
            /** @default 120 */
            patience_s: number;
            project?: components["schemas"]["ProjectPart"] | null;
            /** @default 0 */
            soak_s: number;
            targets: components["schemas"]["Targets"];
            /**
             * @default {
             *       "count_unreached": false,
             *       "min_executed": 1,
             *       "success_percent": 90
             *     }
             */
            thresholds: components["schemas"]["Thresholds"];
            /**
             * @default {
             *       "factor": 1
             *     }
             */
            waves: components["schemas"]["Waves-Output"];
            window?: string | null;
        };
        /**
         * @description A rollout in a list. Times in Unix ms. `doing`: while it runs, what it is about: beginning hosts, waiting for them,
         *     watching a wave (soaking), waiting for hosts to come to match (joining). `rate`: hosts per minute of the present wave, null:
         *     all at once. `next_at`: when it goes on by itself. `done`: hosts of which nothing more is expected.
         */
        RolloutSummary: {
            counts: {
                [key: string]: number;
            };
            created_at: number;
            /** @enum {string} */
            doing: "" | "beginning" | "waiting" | "soaking" | "joining";
            done: number;
            ended_at: number | null;
            hosts: number;
            id: string;
            joining_until: number | null;
            mode: string;
            name: string;
            next_at: number | null;
            operation: string | null;
            outcome: ("succeeded" | "partly" | "failed") | null;
            person: string;
            project: string | null;
            project_revision: number | null;
            rate: number | null;
            reason: string;
            revision: number;
            soak_until: number | null;
            started_at: number | null;
            /** @enum {string} */
            state: "draft" | "running" | "paused" | "aborting" | "aborted" | "finished";
            wave: number | null;
        };
        /** @description A rule to be made, with its name. */
        RuleMade: {
            clear_after_s?: number | null;
            /** @default true */
            enabled: boolean;
            /** @default 0 */
            for_s: number;
            /** @default  */
            hosts: string;
            name: string;
            /**
             * @default warning
             * @enum {string}
             */
            severity: "info" | "warning" | "critical";
            /** @default {host}: {text} */
            summary: string;
            trigger: components["schemas"]["MetricTrigger"] | components["schemas"]["PresenceTrigger"] | components["schemas"]["NoticeTrigger"] | components["schemas"]["TroubleTrigger"] | components["schemas"]["ConnectionTrigger"];
        };
        /** @description A rule. `changed_by` empty: it came with the controller. */
        RuleShown: {
            changed_at: number;
            changed_by: string;
            name: string;
            revision: number;
            rule: components["schemas"]["AlarmRule"];
        };
        /**
         * @description A series, or several that became one: `labels` are those that it has then. `points`: (time, value), the time being when the
         *     step begins; a step in which there was nothing has no point.
         */
        SeriesAnswer: {
            labels: {
                [key: string]: string;
            };
            points: [
                number,
                number
            ][];
        };
        /**
         * @description A series as it is now. `value` and `time` null: nothing came for five minutes, or since the controller was started. `began`: since
         *     when a counter counts; 0: that is not known, or it is a gauge.
         */
        SeriesShown: {
            began: number;
            host: string;
            id: number;
            /** @enum {string} */
            kind: "gauge" | "counter";
            labels: {
                [key: string]: string;
            };
            name: string;
            site: string;
            time: number | null;
            value: number | null;
        };
        /** @description Where somebody was, the latest first. */
        SessionList: {
            items: components["schemas"]["DraftSessionShown"][];
        };
        /**
         * @description A session. `current`: the one that asks. `csrf`: what the header X-Guestwire-Csrf has in its requests; only told where it
         *     is the current one. `must_change`: another password is to be chosen first.
         */
        SessionShown: {
            address: string;
            agent: string;
            created_at: number;
            csrf?: string | null;
            current: boolean;
            expires_at: number;
            id: string;
            /** @default false */
            must_change: boolean;
            name: string;
            used_at: number;
        };
        /** @description Where somebody is: the revision they see, and whatever their client wants to find again (16 KiB at most). */
        SessionWanted: {
            revision: number;
            /** @default {} */
            view: {
                [key: string]: components["schemas"]["JsonValue"];
            };
        };
        /** @description All sessions of one person: there are few. */
        Sessions: {
            items: components["schemas"]["SessionShown"][];
        };
        /** @description A number of hosts, or a percentage of all targets, rounded up. Exactly one of them is given. */
        "Share-Input": {
            count?: number | null;
            percent?: number | null;
        };
        /**
         * @description Signatures by one of your enrolled keys: `signature` where the approval has one text, `signatures` for all its texts in
         *     their order; hexadecimal. Or `mandates`: whole signed mandates, as base64 or as the text of their files.
         */
        Signed: {
            key_id?: string | null;
            mandates?: string[] | null;
            signature?: string | null;
            signatures?: string[] | null;
        };
        /** @description Who signed. `principal`: as the site's trust document knows them; `person`: as the controller does. Unix ms. */
        SignerView: {
            at: number;
            key_id: string;
            person: string;
            principal: string;
        };
        /** @description Open from one time of day to another, on these days of the week. `end` at or before `start`: on the next day. */
        Span: {
            days: ("mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun")[];
            end: string;
            start: string;
        };
        /**
         * @description A host of a rollout. Times in Unix ms. `wave` null: its turn has not come. `code`, `message`: why it failed or takes no
         *     part, or what its last attempt ended with. `ready` false: an approval is waited for (`approval_id`), or its plan.
         */
        TargetView: {
            alarm: string | null;
            approval_id: string | null;
            attempt: number;
            code: string | null;
            due_at: number | null;
            host: string;
            job_id: string | null;
            message: string | null;
            plan_id: string | null;
            reached: boolean;
            ready: boolean;
            retry_at: number | null;
            risk: number | null;
            settled_at: number | null;
            site: string;
            started_at: number | null;
            /** @enum {string} */
            state: "planned" | "skipped" | "queued" | "waiting-approval" | "waiting-window" | "sent" | "accepted" | "running" | "waiting-reboot" | "overdue" | "succeeded" | "failed" | "canceled" | "timed-out" | "rejected" | "indeterminate" | "rolled-back";
            wave: number | null;
        };
        /** @description Which hosts: those of a selection, of a group, or the ones named (`SITE/HOST`). Exactly one of them is given. */
        Targets: {
            group?: string | null;
            hosts?: string[] | null;
            selection?: string | null;
        };
        /**
         * @description A kind of guest to choose from. `image_type` is the `os_type` its images have; `files` are folders whose files come
         *     into the guest's folder (os.xml SubFolders). `has_rt`, `has_comm`: whether rt guests and gp_comm guests can be of it.
         *     `has_analyzer` and `auto_smp` are kept for the registries' sake.
         */
        Template: {
            /** @default false */
            auto_smp: boolean;
            /** @default [] */
            files: string[];
            /** @default false */
            has_analyzer: boolean;
            /** @default true */
            has_comm: boolean;
            /** @default true */
            has_rt: boolean;
            id: string;
            image_type: string;
            /**
             * @default rt
             * @enum {string}
             */
            kind: "rt" | "gp_comm" | "gp";
            /** @default  */
            name: string;
            os_type: string;
        };
        /**
         * @description When to go on, to pause, to abort. Percentages are of the hosts that are done, once `min_executed` are; a count is of
         *     failures. A host fails when its last attempt failed, or an alarm of it was raised after it succeeded; one that was never
         *     reached did not fail, unless `count_unreached`. `success_percent`: of a wave's hosts, before the next wave begins.
         */
        Thresholds: {
            abort_count?: number | null;
            abort_percent?: number | null;
            /** @default false */
            count_unreached: boolean;
            /** @default 1 */
            min_executed: number;
            pause_count?: number | null;
            pause_percent?: number | null;
            /** @default 90 */
            success_percent: number;
        };
        /** @description All tokens of one user: there are few. */
        TokenList: {
            items: components["schemas"]["TokenShown"][];
        };
        /** @description A new token. `token` is its text: nobody can be told it again. */
        TokenMade: {
            bindings: components["schemas"]["BindingShown"][] | null;
            created_at: number;
            expires_at: number | null;
            id: string;
            name: string;
            token: string;
            used_at: number | null;
            used_from: string | null;
        };
        /** @description A token, without its text. */
        TokenShown: {
            bindings: components["schemas"]["BindingShown"][] | null;
            created_at: number;
            expires_at: number | null;
            id: string;
            name: string;
            used_at: number | null;
            used_from: string | null;
        };
        /** @description The token that somebody came with. `bindings` null: it is for everything that its owner may. */
        TokenUsed: {
            bindings: components["schemas"]["BindingShown"][] | null;
            id: string;
            name: string;
        };
        /** @description A new token. `bindings` null: for everything that one may oneself, and will. `expires_at` null: it does not. */
        TokenWanted: {
            bindings?: components["schemas"]["BindingWritten"][] | null;
            expires_at?: number | null;
            /** @example nightly report */
            name: string;
        };
        TopAnswer: {
            kind: ("gauge" | "counter") | null;
            name: string;
            rows: components["schemas"]["TopRow"][];
        };
        /** @description One of the highest. `value`: the newest of a gauge, how fast a counter grows per second. `series`: of how many it was made. */
        TopRow: {
            labels: {
                [key: string]: string;
            };
            series: number;
            time: number;
            value: number;
        };
        /** @description Something the controller itself finds wrong with a host: with its telemetry, its audit log, what it says. None: anything. */
        TroubleTrigger: {
            /** @default [] */
            kinds: string[];
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            on: "trouble";
        };
        /** @description What is to be changed of a user; what is not named stays. */
        UserChanged: {
            disabled?: boolean | null;
            label?: string | null;
            must_change?: boolean | null;
            password?: string | null;
        };
        /** @description A new user. `must_change`: they choose a password of their own when they log in first. */
        UserMade: {
            /** @default [] */
            bindings: components["schemas"]["BindingWritten"][];
            /** @default  */
            label: string;
            /** @default true */
            must_change: boolean;
            /** @example bruno */
            name: string;
            /** @example correct horse battery staple */
            password: string;
        };
        /** @description A user and their roles. `revision` is what the ETag has. */
        UserShown: {
            bindings: components["schemas"]["BindingShown"][];
            created_at: number;
            disabled: boolean;
            id: string;
            label: string;
            login_at: number | null;
            must_change: boolean;
            name: string;
            revision: number;
        };
        /**
         * @description A network. isolated: guests and host only; nat: outwards through the host; bridge: onto `uplink`. `bridge` is the
         *     Linux bridge's name, derived when None. `dhcp`: members get their addresses from the host (not with mode bridge: there
         *     the uplink's network decides). `airgap`: nothing passes, until it is released.
         */
        VirtualNet: {
            /** @default [] */
            acl: components["schemas"]["AclRule"][];
            /** @default false */
            airgap: boolean;
            bridge?: string | null;
            cidr?: string | null;
            /** @default true */
            dhcp: boolean;
            /** @default [] */
            members: components["schemas"]["Member"][];
            /**
             * @default isolated
             * @enum {string}
             */
            mode: "isolated" | "nat" | "bridge";
            name: string;
            uplink?: string | null;
        };
        /** @description Something that is still to be sent. `tries`: how often it was; `next_at`: when it goes next. */
        Waiting: {
            at: number;
            event: string;
            next_at: number;
            said: {
                [key: string]: unknown;
            };
            tries: number;
        };
        /**
         * @description A wave; 0 is the canary. `wave` null: hosts whose turn has not come. `counts`: hosts by state; `alarmed`: those that
         *     succeeded and of which an alarm was raised afterwards.
         */
        WaveView: {
            counts: {
                [key: string]: number;
            };
            hosts: number;
            wave: number | null;
        };
        /**
         * @description How fast. The canary is wave 0; the others follow in waves of `size` hosts (None: all in one). In a wave at most
         *     `base_rate` hosts are begun in a minute (None: all at once); after each wave that succeeded, the canary not counted,
         *     that rate is multiplied by `factor`, up to `max_rate`.
         */
        "Waves-Input": {
            base_rate?: number | null;
            canary?: components["schemas"]["Canary"] | null;
            /** @default 1 */
            factor: number;
            max_rate?: number | null;
            size?: components["schemas"]["Share-Input"] | null;
        };
        /**
         * @description How fast. The canary is wave 0; the others follow in waves of `size` hosts (None: all in one). In a wave at most
         *     `base_rate` hosts are begun in a minute (None: all at once); after each wave that succeeded, the canary not counted,
         *     that rate is multiplied by `factor`, up to `max_rate`.
         */
        "Waves-Output": {
            base_rate?: number | null;
            canary?: components["schemas"]["Canary"] | null;
            /** @default 1 */
            factor: number;
            max_rate?: number | null;
            size?: components["schemas"]["guestwire__controller__rollouts__spec__Share"] | null;
        };
        /** @description A webhook with what waits to be sent to it, the oldest first, a hundred at most. */
        WebhookDetail: {
            changed_at: number;
            changed_by: string;
            delivered_at: number | null;
            dropped: number;
            enabled: boolean;
            events: string[];
            failed_at: number | null;
            failure: string;
            id: string;
            least_severity: string;
            name: string;
            revision: number;
            url: string;
            waiting: components["schemas"]["Waiting"][];
        };
        /** @description A new webhook. `secret`: what its receiver checks the header Guestwire-Signature with; it is shown this once. */
        WebhookMade: {
            changed_at: number;
            changed_by: string;
            delivered_at: number | null;
            dropped: number;
            enabled: boolean;
            events: string[];
            failed_at: number | null;
            failure: string;
            id: string;
            least_severity: string;
            name: string;
            revision: number;
            secret: string;
            url: string;
        };
        /**
         * @description A webhook. `delivered_at`: when its receiver last took something; `failed_at` and `failure`: when it last did not, and why;
         *     `dropped`: what was given up, after a day or because too much waited.
         */
        WebhookShown: {
            changed_at: number;
            changed_by: string;
            delivered_at: number | null;
            dropped: number;
            enabled: boolean;
            events: string[];
            failed_at: number | null;
            failure: string;
            id: string;
            least_severity: string;
            name: string;
            revision: number;
            url: string;
        };
        /** @description What people say of a webhook: where it is told, and of what. */
        WebhookWords: {
            /** @default true */
            enabled: boolean;
            /**
             * @default [
             *       "raised",
             *       "cleared"
             *     ]
             */
            events: ("raised" | "acknowledged" | "cleared")[];
            /**
             * @default warning
             * @enum {string}
             */
            least_severity: "info" | "warning" | "critical";
            name: string;
            url: string;
        };
        /** @description Why it is stopped, for those who look at it later. */
        Why: {
            /** @default  */
            reason: string;
        };
        /** @description A window to be made, with its name. */
        WindowMade: {
            /** @default [] */
            exceptions: components["schemas"]["Except"][];
            /** @default 0 */
            last_s: number;
            name: string;
            /** @default  */
            note: string;
            /** @default UTC */
            time_zone: string;
            /** @default [] */
            weekly: components["schemas"]["Span"][];
        };
        /** @description When work may be begun. `last_s`: so many seconds before it shuts nothing begins any more. */
        WindowSpec: {
            /** @default [] */
            exceptions: components["schemas"]["Except"][];
            /** @default 0 */
            last_s: number;
            /** @default  */
            note: string;
            /** @default UTC */
            time_zone: string;
            /** @default [] */
            weekly: components["schemas"]["Span"][];
        };
        /**
         * @description A maintenance window. `open_until`: it is open now, until then; `opens_at`: it opens then; neither: not within a year. Times
         *     in Unix ms.
         */
        WindowView: {
            changed_at: number;
            changed_by: string;
            name: string;
            open_until?: number | null;
            opens_at?: number | null;
            revision: number;
            window: components["schemas"]["WindowSpec"];
        };
        /** @description A number of hosts, or a percentage of all targets, rounded up. Exactly one of them is given. */
        guestwire__controller__rollouts__spec__Share: {
            count?: number | null;
            percent?: number | null;
        };
        /** @description A folder of the host that the guest may mount by `tag`. */
        guestwire__model__guest__Share: {
            path: string;
            /** @default true */
            read_only: boolean;
            tag: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
