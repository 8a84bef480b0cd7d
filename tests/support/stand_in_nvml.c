/* A stand-in for NVIDIA's libnvidia-ml.so.1: as many GPUs as the environment says, in the state that it says.
 *
 * STAND_IN_GPUS         how many (1)
 * STAND_IN_NAME         what they are called (Stand-in T4)
 * STAND_IN_MEMORY_MB    memory of each (16384)
 * STAND_IN_USED_MB      of it in use (2048)
 * STAND_IN_PERCENT      load (37)
 * STAND_IN_FIGURES      a file with "<used MB> <percent>", read at every question, in place of the two above
 * STAND_IN_PROCESSES    how many processes compute on each (0)
 * STAND_IN_HOLDERS      a file with "<pid> <MB>" of one such process, read at every question, in place of the count
 * STAND_IN_MODE         compute mode (0; 2 prohibited, 3 one process)
 * STAND_IN_MIG          slices of each GPU: "1g.5gb:4864,2g.10gb:9728" (profile:MB); empty: MIG mode without slices
 * STAND_IN_DRIVER       the driver's version (580.65.06)
 * STAND_IN_CUDA         the driver's CUDA (13000)
 * STAND_IN_INIT         what nvmlInit returns (0; 18 version mismatch, 4 no permission, 9 driver not loaded)
 * STAND_IN_BROKEN       "1:15,2:4": GPU 1 returns 15 (lost), GPU 2 returns 4 (no permission)
 * STAND_IN_SILENT_CARD  set: load, temperature, power and memory are not supported
 * STAND_IN_HANG         set: nvmlInit never returns
 * STAND_IN_CALLS        a file that gets a letter for each init (i) and shutdown (s)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, INVALID = 2, UNSUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7, MOST = 16 };

typedef int Result;
typedef struct { int gpu, slice; } Device; /* slice -1: the GPU itself */
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned gpu, memory; } Load;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;

static Device devices[MOST][MOST + 1];

static const char *text(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value ? value : otherwise;
}

static long number(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value && *value ? atol(value) : otherwise;
}

static int count(void) {
    long gpus = number("STAND_IN_GPUS", 1);
    return gpus > MOST ? MOST : (int)gpus;
}

static void record(const char *letter) {
    const char *path = getenv("STAND_IN_CALLS");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        fputs(letter, file);
        fclose(file);
    }
}

/* The number after "<key>:" in a list with commas, or 0. */
static int listed(const char *list, int key) {
    while (list && *list) {
        if (atoi(list) == key) {
            const char *colon = strchr(list, ':');
            return colon ? atoi(colon + 1) : 0;
        }
        list = strchr(list, ',');
        list = list ? list + 1 : NULL;
    }
    return 0;
}

static Result state(const Device *device) { return listed(getenv("STAND_IN_BROKEN"), device->gpu); }

/* The slice's part of STAND_IN_MIG; false if there is none. */
static int slice(int place, char *profile, size_t size, long *megabytes) {
    const char *list = text("STAND_IN_MIG", "");
    for (; *list; place--) {
        size_t length = strcspn(list, ",");
        if (place == 0) {
            size_t name = strcspn(list, ":,");
            snprintf(profile, size, "%.*s", (int)name, list);
            *megabytes = list[name] == ':' ? atol(list + name + 1) : 0;
            return 1;
        }
        list += length;
        if (*list == ',') list++;
    }
    return 0;
}

static void figures(long *used, long *percent) {
    const char *path = getenv("STAND_IN_FIGURES");
    FILE *file = path ? fopen(path, "r") : NULL;
    *used = number("STAND_IN_USED_MB", 2048);
    *percent = number("STAND_IN_PERCENT", 37);
    if (file) {
        if (fscanf(file, "%ld %ld", used, percent) != 2) *used = *percent = 0;
        fclose(file);
    }
}

Result nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    record("i");
    while (getenv("STAND_IN_HANG")) sleep(60);
    return (Result)number("STAND_IN_INIT", OK);
}
Result nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
Result nvmlShutdown(void) { record("s"); return OK; }
const char *nvmlErrorString(Result result) { (void)result; return "a stand-in's error"; }

Result nvmlSystemGetDriverVersion(char *out, unsigned size) {
    snprintf(out, size, "%s", text("STAND_IN_DRIVER", "580.65.06"));
    return OK;
}
Result nvmlSystemGetCudaDriverVersion_v2(int *out) { *out = (int)number("STAND_IN_CUDA", 13000); return OK; }

Result nvmlDeviceGetCount_v2(unsigned *out) { *out = (unsigned)count(); return OK; }
Result nvmlDeviceGetHandleByIndex_v2(unsigned index, Device **out) {
    if ((int)index >= count()) return INVALID;
    devices[index][0] = (Device){(int)index, -1};
    *out = &devices[index][0];
    return state(*out);
}
Result nvmlDeviceGetName(Device *device, char *out, unsigned size) {
    char profile[64];
    long megabytes;
    if (device->slice >= 0 && slice(device->slice, profile, sizeof profile, &megabytes))
        snprintf(out, size, "%s MIG %s", text("STAND_IN_NAME", "Stand-in T4"), profile);
    else
        snprintf(out, size, "%s", text("STAND_IN_NAME", "Stand-in T4"));
    return state(device);
}
Result nvmlDeviceGetUUID(Device *device, char *out, unsigned size) {
    if (device->slice >= 0)
        snprintf(out, size, "MIG-%08d-0000-0000-0000-%012d", device->gpu, device->slice);
    else
        snprintf(out, size, "GPU-%08d-0000-0000-0000-000000000000", device->gpu);
    return state(device);
}
Result nvmlDeviceGetMemoryInfo(Device *device, Memory *out) {
    char profile[64];
    long used, percent, total = number("STAND_IN_MEMORY_MB", 16384);
    if (getenv("STAND_IN_SILENT_CARD")) return UNSUPPORTED;
    if (device->slice >= 0) slice(device->slice, profile, sizeof profile, &total);
    figures(&used, &percent);
    out->total = (unsigned long long)total << 20;
    out->used = (unsigned long long)used << 20;
    out->free = out->total - out->used;
    return state(device);
}
Result nvmlDeviceGetUtilizationRates(Device *device, Load *out) {
    long used, percent;
    if (device->slice >= 0 || getenv("STAND_IN_MIG") || getenv("STAND_IN_SILENT_CARD")) return UNSUPPORTED;
    figures(&used, &percent);
    out->gpu = (unsigned)percent;
    out->memory = 12;
    return state(device);
}
Result nvmlDeviceGetTemperature(Device *device, int sensor, unsigned *out) {
    (void)sensor;
    *out = 55;
    return getenv("STAND_IN_SILENT_CARD") ? UNSUPPORTED : state(device);
}
Result nvmlDeviceGetPowerUsage(Device *device, unsigned *out) {
    *out = 45500;
    return getenv("STAND_IN_SILENT_CARD") ? UNSUPPORTED : state(device);
}
Result nvmlDeviceGetComputeMode(Device *device, int *out) { *out = (int)number("STAND_IN_MODE", 0); return state(device); }
Result nvmlDeviceGetComputeRunningProcesses_v3(Device *device, unsigned *size, Process *out) {
    unsigned running = (unsigned)number("STAND_IN_PROCESSES", 0), pid;
    unsigned long long megabytes;
    const char *path = getenv("STAND_IN_HOLDERS");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file) {
        running = fscanf(file, "%u %llu", &pid, &megabytes) == 2;
        fclose(file);
        if (running && out && *size >= 1) {
            out[0] = (Process){pid, megabytes << 20, 0, 0};
            *size = 1;
            return state(device);
        }
    }
    if (!out || *size < running) {
        *size = running;
        return running ? TOO_SMALL : OK;
    }
    for (unsigned place = 0; place < running; place++) out[place] = (Process){1000 + place, 1ULL << 30, 0, 0};
    *size = running;
    return state(device);
}

Result nvmlDeviceGetMigMode(Device *device, unsigned *current, unsigned *pending) {
    (void)device;
    if (!getenv("STAND_IN_MIG")) return UNSUPPORTED;
    *current = *pending = 1;
    return OK;
}
Result nvmlDeviceGetMaxMigDeviceCount(Device *device, unsigned *out) { (void)device; *out = 7; return OK; }
Result nvmlDeviceGetMigDeviceHandleByIndex(Device *device, unsigned index, Device **out) {
    char profile[64];
    long megabytes;
    if (!slice((int)index, profile, sizeof profile, &megabytes)) return NOT_FOUND;
    devices[device->gpu][index + 1] = (Device){device->gpu, (int)index};
    *out = &devices[device->gpu][index + 1];
    return OK;
}
