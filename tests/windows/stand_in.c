/* Takes 3dsmaxcmd.exe's place. It starts a program of its own, draws half of its picture, and waits as long as a file
   is there. STAND_IN_ENDS makes it end as broken programs do. */

#include <windows.h>
#include <shellapi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static FILE *picture;

static void number(int32_t value) { fwrite(&value, 4, 1, picture); }
static void real(float value) { fwrite(&value, 4, 1, picture); }

static void attribute(const char *name, const char *type, int size) {
    fwrite(name, strlen(name) + 1, 1, picture);
    fwrite(type, strlen(type) + 1, 1, picture);
    number(size);
}

static void box(const char *name, int width, int height) {
    attribute(name, "box2i", 16);
    number(0), number(0), number(width - 1), number(height - 1);
}

/* The header of an OpenEXR file of four float channels, and where each line begins. */
static void header(int width, int height) {
    static const char channels[] = "ABGR";
    number(20000630), number(2);
    attribute("channels", "chlist", 4 * 18 + 1);
    for (int i = 0; i < 4; i++) {
        fputc(channels[i], picture), fputc(0, picture);
        number(2), number(0), number(1), number(1);
    }
    fputc(0, picture);
    attribute("compression", "compression", 1), fputc(0, picture);
    box("dataWindow", width, height), box("displayWindow", width, height);
    attribute("lineOrder", "lineOrder", 1), fputc(0, picture);
    attribute("pixelAspectRatio", "float", 4), real(1);
    attribute("screenWindowCenter", "v2f", 8), real(0), real(0);
    attribute("screenWindowWidth", "float", 4), real(1);
    fputc(0, picture);
    int64_t begin = ftell(picture) + 8 * (int64_t)height;
    for (int y = 0; y < height; y++, begin += 8 + 16 * width) fwrite(&begin, 8, 1, picture);
}

static void line(int y, int width, int frame) {
    number(y), number(16 * width);
    for (int x = 0; x < width; x++) real(1);
    for (int x = 0; x < width; x++) real(frame / 16.0f);
    for (int x = 0; x < width; x++) real(y / 256.0f);
    for (int x = 0; x < width; x++) real(x / 256.0f);
}

static DWORD start_child(const wchar_t *program) {
    wchar_t command[1024];
    STARTUPINFOW startup = {.cb = sizeof startup};
    PROCESS_INFORMATION child;
    swprintf(command, 1024, L"\"%ls\" sleep", program);
    return CreateProcessW(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &child) ? child.dwProcessId : 0;
}

/* Say that half of the picture is drawn, and by which processes. */
static void tell(const wchar_t *note, DWORD child) {
    wchar_t scratch[1024];
    swprintf(scratch, 1024, L"%ls.new", note);
    FILE *file = _wfopen(scratch, L"w");
    fprintf(file, "%lu %lu", GetCurrentProcessId(), child);
    fclose(file);
    MoveFileExW(scratch, note, MOVEFILE_REPLACE_EXISTING);
}

static void end(const char *how) {
    if (!strcmp(how, "access violation")) *(volatile int *)8 = 1;
    /* Wine ends a program whose stack does overflow with code 0. */
    if (!strcmp(how, "stack overflow")) RaiseException(EXCEPTION_STACK_OVERFLOW, EXCEPTION_NONCONTINUABLE, 0, NULL);
    if (!strcmp(how, "no memory")) {
        HANDLE heap = HeapCreate(HEAP_GENERATE_EXCEPTIONS, 0, 1 << 16);
        for (;;) HeapAlloc(heap, HEAP_GENERATE_EXCEPTIONS, 1 << 14);
    }
    exit(atoi(how));
}

int main(void) {
    int count, width = 0, height = 0, frame = 0;
    wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count), *output = L"", path[1024], note[1024];
    if (count > 1 && !wcscmp(words[1], L"sleep")) Sleep(INFINITE);
    if (getenv("STAND_IN_ENDS")) end(getenv("STAND_IN_ENDS"));
    for (int i = 1; i < count; i++) {
        swscanf(words[i], L"-w:%d", &width), swscanf(words[i], L"-h:%d", &height);
        swscanf(words[i], L"-start:%d", &frame);
        if (!wcsncmp(words[i], L"-outputName:", 12)) output = words[i] + 12;
    }
    swprintf(path, 1024, L"%.*ls%04d.exr", (int)wcslen(output) - 4, output, frame);
    if (!width || !height || !(picture = _wfopen(path, L"wb"))) return 1;
    header(width, height);
    for (int y = 0; y < height / 2; y++) line(y, width, frame);
    fflush(picture);
    if (GetEnvironmentVariableW(L"STAND_IN_NOTE", note, 1024)) {
        tell(note, start_child(words[0]));
        wcscat(note, L".wait");
        while (GetFileAttributesW(note) != INVALID_FILE_ATTRIBUTES) Sleep(50);
    }
    for (int y = height / 2; y < height; y++) line(y, width, frame);
    return fclose(picture) ? 1 : 0;
}
