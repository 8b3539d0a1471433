/* A bare echo over libmosquitto: `peer_libmosquitto responder|caller PORT`. The caller reads the bench's orders,
 * {"in_flight": N, "seconds": S}, from stdin; each response sends the next request from the callback. */
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REQUEST "bench/libmosquitto/request"
#define RESPONSE "bench/libmosquitto/response"
#define MOST 1024
#define SAMPLES 1000000

static struct mosquitto *link_;
static int is_caller, subscribed, in_flight, under_way, samples;
static uint64_t number, calls;
static double began_at[MOST], end_at;
static double *took;
static char payload[128];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void publish(const char *topic, const void *data, int size, const void *correlation, int length, const char *reply)
{
    mosquitto_property *properties = NULL;
    mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, correlation, (uint16_t)length);
    if (reply)
        mosquitto_property_add_string(&properties, MQTT_PROP_RESPONSE_TOPIC, reply);
    mosquitto_publish_v5(link_, NULL, topic, size, data, 0, false, properties);
    mosquitto_property_free_all(&properties);
}

static void request(int slot)
{
    uint64_t correlation = (number++ << 16) | (uint64_t)slot;
    began_at[slot] = now();
    under_way++;
    publish(REQUEST, payload, sizeof payload, &correlation, sizeof correlation, RESPONSE);
}

static void on_message(struct mosquitto *m, void *o, const struct mosquitto_message *message, const mosquitto_property *p)
{
    void *correlation = NULL;
    uint16_t length = 0;
    (void)m, (void)o;
    mosquitto_property_read_binary(p, MQTT_PROP_CORRELATION_DATA, &correlation, &length, false);
    if (is_caller && length == 8) {
        double at = now();
        int slot = (int)(*(uint64_t *)correlation & 0xffff);
        if (in_flight == 1 && samples < SAMPLES)
            took[samples++] = at - began_at[slot];
        calls++;
        under_way--;
        if (at < end_at)
            request(slot);
    } else if (!is_caller) {
        char *reply = NULL;
        mosquitto_property_read_string(p, MQTT_PROP_RESPONSE_TOPIC, &reply, false);
        publish(reply, message->payload, message->payloadlen, correlation, length, NULL);
        free(reply);
    }
    free(correlation);
}

static void on_subscribe(struct mosquitto *m, void *o, int mid, int n, const int *granted)
{
    (void)m, (void)o, (void)mid, (void)n, (void)granted;
    subscribed = 1;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run_order(double seconds)
{
    struct timespec c0, c1;
    double began = now(), lasted, used;
    calls = 0, samples = 0;
    end_at = began + seconds;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c0);
    for (int slot = 0; slot < in_flight; slot++)
        request(slot);
    while (under_way)
        if (mosquitto_loop(link_, 1000, 1) || now() > end_at + 20)
            exit(3);
    lasted = now() - began;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c1);
    used = (c1.tv_sec - c0.tv_sec) + (c1.tv_nsec - c0.tv_nsec) * 1e-9;
    printf("{\"calls_s\": %.1f, \"cpu_us\": %.3f", calls / lasted, used / calls * 1e6);
    if (samples) {
        qsort(took, samples, sizeof *took, by_size);
        printf(", \"p50_us\": %.2f, \"p99_us\": %.2f", took[samples / 2] * 1e6, took[(int)(samples * 0.99)] * 1e6);
    }
    printf("}\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char line[256];
    double seconds;
    if (argc < 3)
        return 2;
    is_caller = !strcmp(argv[1], "caller");
    took = malloc(SAMPLES * sizeof *took);
    mosquitto_lib_init();
    link_ = mosquitto_new(NULL, true, NULL);
    mosquitto_int_option(link_, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(link_, MOSQ_OPT_TCP_NODELAY, 1);
    mosquitto_message_v5_callback_set(link_, on_message);
    mosquitto_subscribe_callback_set(link_, on_subscribe);
    if (mosquitto_connect(link_, "127.0.0.1", atoi(argv[2]), 600))
        return 3;
    mosquitto_subscribe(link_, NULL, is_caller ? RESPONSE : REQUEST, 0);
    while (!subscribed)
        if (mosquitto_loop(link_, 1000, 1))
            return 3;
    printf("{\"ready\": true}\n");
    fflush(stdout);
    if (!is_caller)
        return mosquitto_loop_forever(link_, 1000, 1);
    while (fgets(line, sizeof line, stdin))
        if (sscanf(line, "{\"in_flight\": %d, \"seconds\": %lf}", &in_flight, &seconds) == 2 && in_flight <= MOST)
            run_order(seconds);
    return 0;
}
